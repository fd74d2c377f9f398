/** Every limit of Kvitt, in one place; `docs/limits.md` tells users about them. Units are in the names. */
export const limits = {
  /** A request body larger than this is refused with 413. */
  body_bytes: 1_048_576,
  /**
   * The same where no token is asked for. Two addresses are a few hundred bytes, and every event of a session is kept; a megabyte of the
   * worst JSON, or form, keeps the process busy for seconds.
   */
  public_body_bytes: 20_480,
  /** A request that has not arrived whole within this time is refused with 408. */
  request_arrival_ms: 60_000,
  /** Objects and arrays within each other, in a request body. */
  nesting_max: 32,
  /** Members of one object, elements of one array, in any request body. */
  items_per_order_max: 1_000,
  text_length_max: 10_000,
  reference_length_max: 255,
  /** Longer ones are cut by browsers, proxies and logs. */
  url_length_max: 2_000,
  /** Of a session's metadata. */
  metadata_key_length_max: 128,
  /**
   * Characters of all events of one order, draft, session or transaction, and of the requests that made them: whoever reads it reads them.
   * Past it nothing is changed any more, but payments of an order are recorded, and it is closed or cancelled, until twice as much, and so
   * long a transaction is captured and refunded without items. Customers fill half.
   */
  events_size_max: 8_388_608,
  /** One amount, in minor units: a thousand lines of it still add up to a safe integer. */
  amount_max: 999_999_999_999,

  /** How long the answer to a request with an `Idempotency-Key` is kept. */
  idempotency_key_s: 86_400,

  page_size_default: 10,
  page_size_max: 100,
  /**
   * Characters of what is read for one page, as `events_size_max` counts them. Past it a page of orders or drafts ends, after one at least;
   * so does one of events with their bodies. Of sessions and transactions those that are larger than their share of a page are read and
   * sent one by one.
   */
  page_events_size_max: 8_388_608,
  /** Of settlements and of report configurations (checkout-api §1.9). */
  settlements_page_size_max: 1_000,
  /** Orders that an export reads at a time. */
  export_page_size: 100,

  token_lifetime_s: 14_400,
  /** Tokens are accepted this much longer than announced: two plugins use them to the last second (clients §6.3). */
  token_grace_s: 300,
  /** A client that asks again within this time gets the same token. Less than the grace, so that the announced lifetime holds. */
  token_reuse_s: 60,
  /** A revoked client stops working within this time, in every process. */
  revocation_delay_ms: 2_000,
  /** Tokens for one address: far more than a plugin that asks before every call (Magento) needs. */
  tokens_per_address_and_minute: 6_000,
  /** Secrets tried for one client from one address; a secret that was right before is not counted. */
  secret_attempts_per_minute: 10,
  secret_attempts_per_address_and_minute: 300,
  /** Verified tokens, clients and keys that one process remembers. A key is 8 kB, and made anew in 0.3 ms. */
  tokens_remembered: 10_000,
  clients_remembered: 10_000,
  keys_remembered: 1_000,
  /** API clients, grants, keys in one answer; these lists have no pages (checkout-api §1.5). */
  clients_listed: 1_000,

  session_lifetime_default_s: 86_400,
  session_lifetime_max_s: 30 * 86_400,
  /** The payment page says when a session ends this long before (WCAG 2.2.1). */
  expiry_warned_s: 120,
  pay_lock_s: 300,
  /** A payment that the customer never finished is called off this long after its session has expired. */
  payment_grace_s: 3_600,
  /** A payment that is still in review after this long is called off: no provider keeps a reservation longer. */
  hold_max_s: 90 * 86_400,
  /** How often a provider that refuses it is asked to call a payment off. */
  call_off_attempts: 3,
  /** Past this many events of one session, visits are no longer recorded, and the customer's side can't lock or change it. */
  session_events_max: 1_000,
  /** A changed profile is used by every process within this time. */
  profile_memory_ms: 2_000,
  profiles_remembered: 1_000,

  gateway_timeout_ms: 10_000,
  /**
   * Operations that one process asks about at once; of one provider; of one account. As many automatic captures besides. The others go on
   * while one does not answer.
   */
  resolve_concurrency: 64,
  resolve_gateway_concurrency: 24,
  resolve_account_concurrency: 16,
  callback_timeout_ms: 10_000,
  express_callback_timeout_ms: 60_000,
  webhook_timeout_ms: 60_000,
  /** Of the answer to a delivery; that to an express callback may be as large as a body (`body_bytes`). */
  callback_response_bytes: 65_536,
  /** As much as DNS holds: no server has a longer name. */
  host_length_max: 253,
  /** Waiting times before each of the 20 retries of a session callback (checkout-api §6.2); past the end the last one holds. */
  callback_retry_s: [5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600],
  callback_attempts: 21,
  callback_delay_max_s: 60,
  webhook_retry_s: [120],
  webhook_attempts: 5,
  /** A delivery whose endpoint stays down is tried this long, beyond its attempts; then it is dead. */
  delivery_age_max_s: 3 * 86_400,
  /** Calls under way to one endpoint, and to all of them, from one process. */
  endpoint_concurrency: 16,
  delivery_concurrency: 256,
  /** Of these, calls of one account: so that one whose servers are slow leaves room for others. */
  account_concurrency: 64,
  /** Attempts in a row without an answer after which an endpoint is down and only probed. */
  endpoint_failures_max: 5,
  endpoint_probe_s: 30,
  endpoint_probe_max_s: 600,
  fan_out_batch: 200,
  /** How long an account whose events can't be turned into deliveries rests at most before that is tried again. */
  fan_out_rest_max_ms: 60_000,
  subscriptions_max: 100,
  /** Deliveries that are given up as their subscription is deleted; those beyond it are when their turn comes. */
  given_up_at_once: 1_000,
  /** How often a stream of events looks for new ones, and how long it stays silent at most. */
  event_stream_poll_ms: 250,
  event_stream_quiet_ms: 15_000,
  /** Streams of events that one account may have open, in one process. */
  event_streams_max: 20,
  replay_max: 10_000,
  /** How long deliveries are kept once they are delivered, or dead, and how far back the feed of events goes. */
  delivered_kept_s: 30 * 86_400,
  dead_kept_s: 90 * 86_400,
  events_kept_s: 90 * 86_400,
  /** Rows of each kind that the worker removes at a time. */
  forget_batch: 1_000,

  statement_timeout_ms: 30_000,
  lock_wait_ms: 10_000,
  /** A connection to the database that is not there by then is tried anew. */
  connect_timeout_s: 5,
  /** How long `/readyz` waits for the database, and `/metrics` for what waits in it. */
  ready_timeout_ms: 3_000,
  /** `/metrics` counts no further: one more means that there are more. */
  waiting_counted: 10_000,
  /** While the database is away, a request waits at most this long for the next attempt to connect, and is then refused. */
  reconnect_wait_max_s: 1,
  /** How long a lost database connection may take to close; then it is used again, and the next statement opens another. */
  lost_connection_ms: 100,
  /**
   * Where something was asked and nothing has been heard for this long, longer than PostgreSQL lets a statement take, the database
   * connection is given up: the server is frozen, or the network drops what is sent.
   */
  silent_database_ms: 35_000,
  /** A connection for statements that may take as long as they need is closed when it was not used for this long. */
  patient_connection_idle_s: 10,
  /** How long a request whose database connection broke may still answer by itself. */
  broken_connection_pause_ms: 1_000,
  /**
   * Of one process, besides the one that writes share and the one that reads by key share. More than a few for each core only cost: each
   * has plans of its own, and finds the processor's cache cold.
   */
  database_connections: 4,
  /** Writes that share one commit, on one further connection. */
  batch_writes_max: 32,
  /** Such batches that are sent and not answered yet; and how long others wait for one before they do without. */
  batches_under_way: 2,
  batch_wait_ms: 500,
  /** How long a write that shares its commit waits for a lock that somebody else has, before it waits by itself. */
  batch_lock_wait_ms: 50,
  /** Orders, drafts, sessions and transactions (of each) that a process remembers from its own last write, and characters of them. */
  aggregates_remembered: 250,
  remembered_size_max: 32_768,
  remembered_total: 4_194_304,
  /** Of what was written before those: about 8,000 of all kinds, as text. */
  remembered_bytes: 16_777_216,
  /** A write that lost this many races takes the row lock instead of trying again without it. */
  optimistic_attempts: 2,
  /** How often a statement or transaction is tried again that PostgreSQL took back because of another one. */
  taken_back_attempts: 100,
  shutdown_ms: 15_000,
  /** A process that has done its work ends after this, whatever a database that does not answer has left open. */
  linger_ms: 1_000,
  /** How long a server that stops still takes connections that came before, at most. */
  last_connections_ms: 1_000,
  /** How long a server that stops still answers requests on the connections that it has. */
  idle_close_ms: 300,
} as const
