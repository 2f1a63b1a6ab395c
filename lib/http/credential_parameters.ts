/** The parameters of a URI that name credentials. */
export const credentialParameters: readonly string[] = [
  "token-env",
  "token-file",
  "netrc-file",
  "tls-certificate",
  "tls-private-key",
  "tls-ca",
];
