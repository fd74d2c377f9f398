-- PostgreSQL reads a table's check anew in every statement that writes to the table, a domain's once a connection.
create domain simulator.minor_units as bigint check (value >= 0);
create domain simulator.payment_state as text check (value in ('undecided', 'authorized', 'failed'));
create domain simulator.movement_kind as text check (value in ('authorize', 'capture', 'refund', 'void', 'update_authorization'));
create domain simulator.movement_state as text check (value in ('waiting', 'held', 'late', 'lost', 'succeeded', 'failed'));

alter table simulator.payments
  drop constraint payments_amount_check, drop constraint payments_authorized_check, drop constraint payments_captured_check,
  drop constraint payments_refunded_check, drop constraint payments_voided_check, drop constraint payments_state_check,
  alter column amount type simulator.minor_units, alter column authorized type simulator.minor_units,
  alter column captured type simulator.minor_units, alter column refunded type simulator.minor_units,
  alter column voided type simulator.minor_units, alter column state type simulator.payment_state;
alter table simulator.movements
  drop constraint movements_kind_check, drop constraint movements_state_check,
  alter column kind type simulator.movement_kind, alter column state type simulator.movement_state;
