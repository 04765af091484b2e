-- Telegram numbers the messages of private chats and basic groups per account: what one of our accounts wrote there, and
-- another one reads, is recognised by who wrote it, when and what. Channels and Discord have one number for all.
CREATE INDEX destination_messages_local_idx ON destination_messages (account_id, chat_id, sent_at)
    WHERE chat_id BETWEEN -999999999999 AND 99999999999999;
