-- Questions (history, files, chats) have a budget of their own: Telegram refuses them apart from messages.
ALTER TYPE pace_scope ADD VALUE 'reads' BEFORE 'chat';
