package nevis

import (
	"net/http"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// idmStatuses are the statuses of nevisIDM's paths by cause, where they are not those of
// the kind. A value that is not taken is 422, what cannot be read 400.
var idmStatuses = map[string]int{
	errMember.Code:                       http.StatusUnprocessableEntity,
	credential.ErrCredentialName.Code:    http.StatusUnprocessableEntity,
	credential.ErrCredentialState.Code:   http.StatusUnprocessableEntity,
	credential.ErrCredentialCount.Code:   http.StatusUnprocessableEntity,
	credential.ErrExternalID.Code:        http.StatusUnprocessableEntity,
	credential.ErrAdopt.Code:             http.StatusUnprocessableEntity,
	tenant.ErrRelyingPartyUnknown.Code:   http.StatusUnprocessableEntity,
	credential.ErrSubject.Code:           http.StatusForbidden,
	credential.ErrCredentialUnknown.Code: http.StatusNotFound,
}

// writeIDMError answers r with err, as nevisIDM's paths do.
func (d *Door) writeIDMError(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	status, ok := idmStatuses[f.Code]
	if !ok {
		status = web.StatusOf(f)
	}
	setRefusalHeaders(w, status)
	web.WriteJSON(w, status, idmError{[]idmProblem{{Code: f.Code, Message: message(r, f)}}})
}

// isIDM reports whether r is for nevisIDM's paths.
func (d *Door) isIDM(r *http.Request) bool {
	return d.IDM != nil && strings.HasPrefix(r.URL.Path, d.IDM.Prefix+"/")
}
