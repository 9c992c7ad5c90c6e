-- From when on what was issued counts: for the tokens that hang on no row which could be deleted. One row at most.

create table cut_off (
  id         boolean primary key default true check (id),
  not_before timestamptz not null
);
