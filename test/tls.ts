import type net from 'node:net'
import tls from 'node:tls'

/** Signed by itself, for `localhost`, until 2126. Made for these tests (`openssl req -x509`); it guards nothing. */
export const cert = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUECu817yzbQVgbXmJpK8eaOyoSIEwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODE5Mjk0MloYDzIxMjYxMTA0
MTkyOTQyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQYYdHIu8nmh+siPph/wtLB3yZo0QbqLJBdQeYYmYnrOxZ1vaRycg5V
xgTUU1V9saY3zk7bxOKAEIkjAKhhkylEo1MwUTAdBgNVHQ4EFgQUPNx3Gp5/UJMl
D6qHsJP6rEbfNggwHwYDVR0jBBgwFoAUPNx3Gp5/UJMlD6qHsJP6rEbfNggwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAGy/9Cr4f9wfjutKtkaovN
2QuQtdaB6GByU3J3W2VJoAIhANrEactdZdlqMky7I5MWjMMThcV+mZ6zOZAZ5jwJ
xICG
-----END CERTIFICATE-----`
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgd+Yo3Eo2/aIbAdc8
KmB1zVvjyAQWfop3rO0h25n7NHyhRANCAAQYYdHIu8nmh+siPph/wtLB3yZo0Qbq
LJBdQeYYmYnrOxZ1vaRycg5VxgTUU1V9saY3zk7bxOKAEIkjAKhhkylE
-----END PRIVATE KEY-----`

/** Says yes to a client of PostgreSQL that has asked for TLS. What the client says within. */
export function acceptTls(client: net.Socket): tls.TLSSocket {
  client.write('S')
  return new tls.TLSSocket(client, { isServer: true, cert, key })
}
