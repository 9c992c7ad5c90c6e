-- A login that leads to another server and back.

-- The page that began the flow: its query and whether the person stays logged in. Null in the JSON dialect.
alter table login_flows add page jsonb;
-- What came back to a flow of the JSON dialect, until its client asks how far it has got.
alter table login_flows add came_back jsonb;
