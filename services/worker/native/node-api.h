/*
** The part of Node-API that node.c uses. Its binary form is stable, and Node is not always installed with its headers.
*/
#ifndef NODE_API_H
#define NODE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
typedef int napi_status; /* 0: done */

enum { napi_undefined, napi_null, napi_boolean, napi_number, napi_string, napi_symbol, napi_object };
enum { napi_bigint = 9 };
enum { napi_uint8_array = 1, napi_float64_array = 8 };

napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t *count, napi_value *arguments, napi_value *self,
                             void **data);
napi_status napi_typeof(napi_env, napi_value, int *type);
napi_status napi_get_value_bool(napi_env, napi_value, bool *result);
napi_status napi_get_value_double(napi_env, napi_value, double *result);
napi_status napi_get_value_int32(napi_env, napi_value, int32_t *result);
napi_status napi_get_value_bigint_int64(napi_env, napi_value, int64_t *result, bool *lossless);
napi_status napi_get_value_string_utf8(napi_env, napi_value, char *out, size_t bytes, size_t *written);
napi_status napi_is_typedarray(napi_env, napi_value, bool *result);
napi_status napi_get_typedarray_info(napi_env, napi_value, int *type, size_t *length, void **data, napi_value *buffer,
                                     size_t *offset);
napi_status napi_get_array_length(napi_env, napi_value, uint32_t *length);
napi_status napi_get_element(napi_env, napi_value, uint32_t at, napi_value *result);
napi_status napi_set_element(napi_env, napi_value, uint32_t at, napi_value);
napi_status napi_set_named_property(napi_env, napi_value, const char *name, napi_value);
napi_status napi_get_null(napi_env, napi_value *result);
napi_status napi_get_boolean(napi_env, bool, napi_value *result);
napi_status napi_create_int32(napi_env, int32_t, napi_value *result);
napi_status napi_create_double(napi_env, double, napi_value *result);
napi_status napi_create_string_utf8(napi_env, const char *, size_t bytes, napi_value *result);
napi_status napi_create_array(napi_env, napi_value *result);
napi_status napi_create_object(napi_env, napi_value *result);
napi_status napi_create_error(napi_env, napi_value code, napi_value message, napi_value *result);
napi_status napi_create_function(napi_env, const char *name, size_t bytes, napi_callback, void *data,
                                 napi_value *result);
napi_status napi_throw(napi_env, napi_value error);
napi_status napi_throw_type_error(napi_env, const char *code, const char *message);

#endif
