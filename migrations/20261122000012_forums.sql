-- Chats whose messages stand in topics (Telegram) or posts (Discord): a destination of this kind gets one for each topic
-- of its source.
ALTER TYPE chat_kind ADD VALUE 'forum';
