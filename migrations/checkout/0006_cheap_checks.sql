-- The checks of one column become domains: PostgreSQL reads a table's check anew in every statement that writes to the table, a domain's
-- once a connection.
create domain checkout.currency as text check (value ~ '^[A-Z]{3}$');
create domain checkout.minor_units as bigint check (value >= 0);
create domain checkout.event_number as int check (value > 0);
create domain checkout.transaction_status as text check (value in (
  'INITIATED', 'ON_HOLD', 'AUTHORIZED', 'AUTHORIZATION_VOIDED', 'PARTIALLY_CAPTURED', 'CAPTURED', 'PARTIALLY_CAPTURED_REFUNDED',
  'PARTIALLY_REFUNDED', 'REFUNDED', 'DECLINED', 'FAILED', 'UNKNOWN'));
create domain checkout.settlement_status as text check (value in (
  'NOT_SETTLED', 'PENDING_SETTLEMENT', 'PARTIALLY_SETTLED', 'SETTLED'));
create domain checkout.transaction_event as text check (value in (
  'INITIALIZE', 'AUTHORIZE', 'INITIATE_CAPTURE', 'CAPTURE', 'INITIATE_REFUND', 'REFUND', 'INITIATE_VOID', 'VOID', 'SETTLEMENT'));
create domain checkout.session_event as jsonb check (value ? 'id' and value ? 'name' and value ? 'created_at');
create domain checkout.session_outcome as text check (value in (
  'PAYMENT_INITIATED', 'AUTHORIZED', 'ON_HOLD', 'DECLINED', 'FAILED', 'UNKNOWN', 'CANCELLED'));
create domain checkout.operation_kind as text check (value in ('authorize', 'capture', 'refund', 'void', 'update_authorization'));
create domain checkout.operation_state as text check (value in (
  'pending', 'unknown', 'action_required', 'held', 'succeeded', 'failed'));

alter table checkout.transactions
  drop constraint transactions_amount_check, drop constraint transactions_authorized_check, drop constraint transactions_captured_check,
  drop constraint transactions_refunded_check, drop constraint transactions_voided_check,
  drop constraint transactions_pending_capture_check, drop constraint transactions_pending_refund_check,
  drop constraint transactions_pending_void_check, drop constraint transactions_currency_check,
  drop constraint transactions_status_check, drop constraint transactions_settlement_status_check,
  alter column amount type checkout.minor_units, alter column authorized type checkout.minor_units,
  alter column captured type checkout.minor_units, alter column refunded type checkout.minor_units,
  alter column voided type checkout.minor_units, alter column pending_capture type checkout.minor_units,
  alter column pending_refund type checkout.minor_units, alter column pending_void type checkout.minor_units,
  alter column currency type checkout.currency, alter column status type checkout.transaction_status,
  alter column settlement_status type checkout.settlement_status;

alter table checkout.transaction_events
  drop constraint transaction_events_event_check, drop constraint transaction_events_sequence_check,
  alter column event type checkout.transaction_event, alter column sequence type checkout.event_number;

alter table checkout.operations
  drop constraint operations_amount_check, drop constraint operations_currency_check, drop constraint operations_kind_check,
  drop constraint operations_state_check,
  alter column amount type checkout.minor_units, alter column currency type checkout.currency,
  alter column kind type checkout.operation_kind, alter column state type checkout.operation_state;

alter table checkout.session_events
  drop constraint session_events_body_check, drop constraint session_events_sequence_check,
  alter column body type checkout.session_event, alter column sequence type checkout.event_number;

alter table checkout.sessions
  drop constraint sessions_amount_check, drop constraint sessions_currency_check, drop constraint sessions_outcome_check,
  alter column amount type checkout.minor_units, alter column currency type checkout.currency,
  alter column outcome type checkout.session_outcome;

-- The same chain, without a query of its own in the loop.
create or replace function checkout.chain(previous bytea, bodies jsonb)
returns table (ordinal int, body jsonb, hash bytea) language plpgsql immutable strict parallel safe as $$
begin
  ordinal := 0;
  hash := previous;
  while ordinal < jsonb_array_length(bodies) loop
    body := bodies -> ordinal;
    ordinal := ordinal + 1;
    hash := sha256(hash || convert_to(body::text, 'UTF8'));
    return next;
  end loop;
end $$;
