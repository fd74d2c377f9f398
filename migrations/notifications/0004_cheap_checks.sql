-- PostgreSQL reads a table's check anew in every statement that writes to the table, a domain's once a connection.
create domain notifications.aggregate_type as text check (value in (
  'order', 'draft', 'transaction', 'session', 'card_token', 'settlement'));
create domain notifications.event_number as int check (value > 0);

alter table notifications.outbox
  drop constraint outbox_aggregate_type_check, drop constraint outbox_sequence_check,
  alter column aggregate_type type notifications.aggregate_type, alter column sequence type notifications.event_number;
