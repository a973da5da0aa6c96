/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_REDACT_H
#define SPANTAP_SPAN_REDACT_H

/*
 * Takes secrets out of URLs, and values out of a server's error texts. SQL statements have their
 * own reducer, sql.h. All append to out, which stays the caller's.
 */

#include "userspace/base/buf.h"

/*
 * A query without its '?': values whose key tells of a credential become REDACTED; keys and
 * everything else stay as they were. Always: the convention's X-Amz-Signature, X-Amz-Credential,
 * X-Amz-Security-Token, sig and X-Goog-Signature; and, whatever their case, '-', '_' and
 * percent-encoding, keys that contain  token, secret, passw, passphrase, credential, signature,
 * apikey, accesskey, privatekey, session are      sig, key, pass, pwd, pin, otp, auth,
 * authorization, code, jwt, sid, bearer, hmac, assertion
 */
void redact_query(struct buf *out, struct bytes query);

/*
 * A URL, absolute or not: user and password become REDACTED:REDACTED@, the query as above; the
 * fragment goes.
 */
void redact_url(struct buf *out, struct bytes url);

/*
 * A server's error text: quoted and parenthesised values become ?. Names of tables, columns,
 * constraints and the like stay, told by the word before them; when in doubt it is a value.
 */
void redact_message(struct buf *out, struct bytes message);

#endif
