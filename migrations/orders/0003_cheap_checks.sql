-- The checks of one column become domains: PostgreSQL reads a table's check anew in every statement that writes to the table, a domain's
-- once a connection. The sums of a line are one check, not three.
create domain orders.currency as text check (value ~ '^[A-Z]{3}$');
create domain orders.version as int check (value > 0);
create domain orders.event_id as text check (length(value) between 1 and 40);
create domain orders.name as text check (length(value) between 1 and 255);
create domain orders.draft_status as text check (value in ('open', 'completed', 'deleted'));
create domain orders.order_status as text check (value in ('open', 'closed', 'cancelled'));
create domain orders.payment_status as text check (value in ('pending', 'partially_paid', 'paid', 'partially_refunded', 'refunded'));

alter table orders.drafts
  drop constraint drafts_currency_check, drop constraint drafts_status_check, drop constraint drafts_version_check,
  alter column currency type orders.currency, alter column status type orders.draft_status, alter column version type orders.version;
alter table orders.draft_events
  drop constraint draft_events_version_check, alter column version type orders.version;
alter table orders.orders
  drop constraint orders_currency_check, drop constraint orders_status_check, drop constraint orders_payment_status_check,
  drop constraint orders_version_check,
  alter column currency type orders.currency, alter column status type orders.order_status,
  alter column payment_status type orders.payment_status, alter column version type orders.version;
alter table orders.order_events
  drop constraint order_events_event_id_check, drop constraint order_events_version_check,
  alter column event_id type orders.event_id, alter column version type orders.version;
alter table orders.names
  drop constraint names_name_check, alter column name type orders.name;
alter table orders.order_lines
  drop constraint line_authorized_within_due, drop constraint line_captured_within_authorized, drop constraint line_refunded_within_captured,
  add constraint line_sums_within_due check (case
    when due >= 0 then authorized - cancelled <= due and cancelled >= 0 and captured + cancelled <= authorized and refunded between 0 and captured
    else authorized - cancelled >= due and cancelled <= 0 and captured + cancelled >= authorized and refunded between captured and 0 end);
alter table orders.order_authorizations
  drop constraint authorization_captured_within_authorized, drop constraint authorization_refunded_within_captured,
  add constraint authorization_sums_within_authorized check (case
    when authorized >= 0 then cancelled >= 0 and captured + cancelled <= authorized and refunded between 0 and captured
    else cancelled <= 0 and captured + cancelled >= authorized and refunded between captured and 0 end);
