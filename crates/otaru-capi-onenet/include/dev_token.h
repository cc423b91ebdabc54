/* The signed text by which a device of OneNET proves who it is (onenet, sections 3 and 7.1). */
#ifndef OTARU_ONENET_DEV_TOKEN_H
#define OTARU_ONENET_DEV_TOKEN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sig_method_e {
    SIG_METHOD_MD5,
    SIG_METHOD_SHA1,
    SIG_METHOD_SHA256
};

/* The room that dev_token_generate needs, in bytes, NUL included (otaru's own). */
#define OTARU_DEV_TOKEN_LEN 256

/* Writes the text and a NUL to token, which has room for OTARU_DEV_TOKEN_LEN bytes. It speaks for a device, or for the whole
 * product if dev_name is NULL, and holds until exp_time (seconds since 1970). access_key is the base64 text of a console.
 * Returns 0; below 0 if an argument cannot be (ERR_INVALID_PARAM) or the text needs more room (ERR_OVERFLOW): token is the
 * empty text then. */
int32_t dev_token_generate(uint8_t *token, enum sig_method_e method, uint32_t exp_time, const uint8_t *product_id,
                           const uint8_t *dev_name, const uint8_t *access_key);

#ifdef __cplusplus
}
#endif

#endif
