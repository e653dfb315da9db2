/* The only door to libcurl. Debian: libcurl4-openssl-dev.
   curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call: one typed door per kind of value. */
#ifndef KN_CURL_SHIM_H
#define KN_CURL_SHIM_H

#include <curl/curl.h>

typedef size_t (*kn_curl_data)(char *bytes, size_t size, size_t count, void *context);
typedef int (*kn_curl_seek)(void *context, curl_off_t offset, int origin);

static inline CURLcode kn_curl_set_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode kn_curl_set_large(CURL *h, CURLoption o, curl_off_t v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode kn_curl_set_string(CURL *h, CURLoption o, const char *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode kn_curl_set_pointer(CURL *h, CURLoption o, void *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode kn_curl_set_slist(CURL *h, CURLoption o, struct curl_slist *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode kn_curl_set_address(CURL *h, CURLU *v) { return curl_easy_setopt(h, CURLOPT_CURLU, v); }
static inline CURLcode kn_curl_set_data(CURL *h, CURLoption o, kn_curl_data f) { return curl_easy_setopt(h, o, f); }
static inline CURLcode kn_curl_set_seek(CURL *h, kn_curl_seek f) { return curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, f); }
static inline CURLcode kn_curl_set_opensocket(CURL *h, curl_opensocket_callback f) { return curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, f); }
static inline CURLcode kn_curl_set_prereq(CURL *h, curl_prereq_callback f) { return curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, f); }
static inline CURLcode kn_curl_get_long(CURL *h, CURLINFO i, long *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode kn_curl_get_large(CURL *h, CURLINFO i, curl_off_t *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode kn_curl_get_string(CURL *h, CURLINFO i, char **v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode kn_curl_get_pointer(CURL *h, char **v) { return curl_easy_getinfo(h, CURLINFO_PRIVATE, v); }
static inline CURLMcode kn_curl_multi_set_long(CURLM *m, CURLMoption o, long v) { return curl_multi_setopt(m, o, v); }

/* CURLMsg hides its result in a union. */
static inline CURLcode kn_curl_result(const CURLMsg *m) { return m->data.result; }

#endif
