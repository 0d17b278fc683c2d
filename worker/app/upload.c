/* upload.c - a file of a form: in memory, or spooled to an unlinked temporary file; see galley/request.h.
 * Does:     hand out its bytes.
 * Does not: parse forms.
 * See:      form.h */
#include <galley/request.h>

int galley__upload_bytes(galley_request *req, const galley_upload *upload, galley_bytes *bytes)
{
    (void)req;
    *bytes = (galley_bytes){upload->_data, (size_t)upload->size};
    return 0;
}
