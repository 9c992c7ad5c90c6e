-- What apps may learn of a person: a username that nobody else has, an e-mail address, a picture, a language and a time zone.

-- Case-folded. Null while a person waits for approval, and in rows of the version before until their next login.
alter table users add username text check (length(username) between 1 and 256);
alter table users add email text check (length(email) between 3 and 320);
alter table users add email_verified boolean not null default false;
-- The login whose provider stated the address; null: a person entered it. No foreign key: the address outlives the login.
alter table users add email_credential_id text;
alter table users add picture text check (length(picture) <= 2048);
alter table users add locale text check (length(locale) <= 64);
alter table users add zoneinfo text check (length(zoneinfo) <= 64);

create unique index users_username on users (username);
create unique index users_verified_email on users (lower(email)) where email_verified;

-- Names that were given up. Apps know people by them, so they return to their former holder or by the owner's decision alone.
create table retired_usernames (
  username   text primary key,
  -- No foreign key: the name of a deleted user stays here.
  user_id    text not null,
  retired_at timestamptz not null
);

-- A local login's name is the username.
update users u set username = c.subject
from credentials c
where c.user_id = u.id and c.auth_provider_type = 'homeassistant' and c.auth_provider_id is null;

-- Others get what their provider calls them, numbered where that is taken. Only ASCII, which folds alike everywhere; the rest at their next login.
do $$
declare
  person record;
  candidate text;
  n integer;
begin
  for person in
    select u.id, called.name from users u
    cross join lateral (
      select lower(coalesce(c.data ->> 'username', c.data ->> 'preferred_username')) as name
      from credentials c
      where c.user_id = u.id
        and coalesce(c.data ->> 'username', c.data ->> 'preferred_username') ~ '^[!-~]([ -~]{0,198}[!-~])?$'
        and coalesce(c.data ->> 'username', c.data ->> 'preferred_username') !~* '^[0-9a-f]{32}$'
      order by c.created_at, c.id
      limit 1
    ) called
    where u.username is null and not u.is_pending and not u.system_generated
    order by u.created_at, u.id
  loop
    candidate := person.name;
    n := 1;
    while exists (select from users where username = candidate) or exists (select from local_logins where username = candidate) loop
      n := n + 1;
      candidate := person.name || '-' || n;
    end loop;
    update users set username = candidate where id = person.id;
  end loop;
end $$;

-- What providers stated so far; none of it counts as verified before a login says so again.
update users u set email = stated.email, email_credential_id = stated.id
from (
  select distinct on (user_id) user_id, id, data ->> 'email' as email from credentials
  where length(data ->> 'email') between 3 and 320
  order by user_id, created_at, id
) stated
where stated.user_id = u.id;
