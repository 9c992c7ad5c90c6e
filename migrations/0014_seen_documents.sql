-- URL clients that are known to publish a Client ID Metadata Document, where nobody has to approve them.
alter table url_clients drop constraint url_clients_status_check;
alter table url_clients add constraint url_clients_status_check check (status in ('pending', 'approved', 'refused', 'seen'));
create index url_clients_seen on url_clients (created_at) where status = 'seen';
