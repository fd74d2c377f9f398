-- A payment that succeeded while it was being called off stays due until it is voided, so that whoever runs next can finish that.
alter table checkout.operations
  drop constraint settled_has_no_next_attempt,
  add constraint settled_has_no_next_attempt check (
    (state in ('succeeded', 'failed')) = (next_attempt_at is null) or (state = 'succeeded' and kind = 'authorize'));
