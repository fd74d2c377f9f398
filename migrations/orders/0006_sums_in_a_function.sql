-- PostgreSQL reads the text of a table's check anew in every statement that writes to the table, and the longer it is the longer that
-- takes: of a line's update, more than half. Of a call it is short, and what PL/pgSQL calculates is prepared once a connection.
create function orders.sums_hold(due bigint, authorized bigint, cancelled bigint, captured bigint, refunded bigint) returns boolean
language plpgsql immutable parallel safe as $$
begin
  return case when due >= 0
    then authorized - cancelled <= due and cancelled >= 0 and captured + cancelled <= authorized
      and refunded >= 0 and refunded <= captured
    else authorized - cancelled >= due and cancelled <= 0 and captured + cancelled >= authorized
      and refunded >= captured and refunded <= 0
  end;
end
$$;
alter table orders.order_lines drop constraint line_sums_within_due,
  add constraint line_sums_within_due check (orders.sums_hold(due, authorized, cancelled, captured, refunded));
alter table orders.order_authorizations drop constraint authorization_sums_within_authorized,
  add constraint authorization_sums_within_authorized
    check (orders.sums_hold(authorized, authorized, cancelled, captured, refunded));
