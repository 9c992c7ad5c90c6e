-- Usernames compared in Unicode form NFC: local names of the version before may hold an accent as a character of its own.
-- Not unique: that version may have made two names that differ in nothing else.

create index users_canonical_username on users (normalize(username, NFC)) where username is not null;
create index local_logins_canonical_username on local_logins (normalize(username, NFC));
create index retired_usernames_canonical_username on retired_usernames (normalize(username, NFC));
