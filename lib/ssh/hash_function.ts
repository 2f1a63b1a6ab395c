import { sha256 } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";

/** The programs that a host may hash with. */
export const hashers: readonly string[] = ["sha256sum", "shasum", "openssl", "busybox"];

/**
 * A script that finds out what a host hashes with: the first program that gives the right digest of nothing, whose name is then in
 * `$hasher`, empty where there is none. Its function `sum` gives the sha256 of what it reads, in hexadecimal.
 */
export const hashFunction = `
  sum_by() {
    case $1 in
      sha256sum) sha256sum ;;
      shasum) shasum -a 256 ;;
      openssl) openssl dgst -sha256 -r ;;
      busybox) busybox sha256sum ;;
    esac | cut -c1-64
  }
  hasher=
  for each in ${hashers.join(" ")}; do
    if [ "$(sum_by "$each" </dev/null 2>/dev/null)" = ${digestHex(sha256(""))} ]; then
      hasher=$each
      break
    fi
  done
  sum() { sum_by "$hasher"; }
`;
