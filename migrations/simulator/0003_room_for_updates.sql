-- As in checkout: captures and refunds update the payment, which stays on its page.
alter table simulator.payments set (fillfactor = 60);
