-- no-transaction
-- With a login go its sessions, and with a user the logins: found without reading all sessions there are, or the janitor would never be done.

create index concurrently if not exists sessions_by_credential on sessions (credential_id) where credential_id is not null;
