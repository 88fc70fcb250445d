package onewelcome

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/web"
)

// What several operations read from their requests.

// Refusals of this door's own form. The field names the member.
var (
	errRequired = fault.New(fault.Invalid, "onewelcome.required", "Something that is needed was left out.")
	errValue    = fault.New(fault.Invalid, "onewelcome.value", "There is a value that has no meaning here.")
	errRange    = fault.New(fault.Invalid, "onewelcome.range", "A number is out of its range.")
	errLength   = fault.New(fault.Invalid, "onewelcome.length", "A text or list is too long or too short.")
)

func required(field string) error { return errRequired.At(field).Saying("%s is required", field) }

// Limits of a timeout that a caller asks for, and what it is when nobody asks.
const (
	defaultTimeout = 60 * time.Second
	minTimeout     = 10 * time.Second
	maxTimeout     = 600 * time.Second
)

// timeout reads a member in milliseconds.
func timeout(ms *int64) (time.Duration, error) {
	if ms == nil {
		return defaultTimeout, nil
	}
	if *ms < minTimeout.Milliseconds() || *ms > maxTimeout.Milliseconds() {
		return 0, errRange.At("timeout").Saying("timeout is %d to %d milliseconds", minTimeout.Milliseconds(), maxTimeout.Milliseconds())
	}
	return time.Duration(*ms) * time.Millisecond, nil
}

// oneOf refuses a word that a member cannot have; left out, it may be.
func oneOf(field, word string, words ...string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	return errValue.At(field).Saying("%s is not one of the values it can have", field)
}

// maxHandleBytes is the length of the longest user handle (WebAuthn §5.4.3).
const maxHandleBytes = 64

// userGiven reads the member userId; nobody if it was left out.
func userGiven(id *strictjson.Bytes) (credential.UserRef, error) {
	if id == nil {
		return credential.UserRef{}, nil
	}
	if len(*id) == 0 || len(*id) > maxHandleBytes {
		return credential.UserRef{}, credential.ErrUserHandle.At("userId").Saying("userId is 1 to 64 bytes")
	}
	return credential.ByHandle(*id), nil
}

// userOf reads the user that a path names. What no user can be called is nobody's.
func userOf(r *http.Request) (credential.UserRef, error) {
	handle, err := strictjson.DecodeBase64URL(r.PathValue("userId"))
	if err != nil || len(handle) == 0 || len(handle) > maxHandleBytes {
		return credential.UserRef{}, credential.ErrUserUnknown
	}
	return credential.ByHandle(handle), nil
}

// refOf reads the credential that a path names.
func (f *front) refOf(r *http.Request) (credential.Ref, error) {
	owner, err := userOf(r)
	if err != nil {
		return credential.Ref{}, err
	}
	id, err := strictjson.DecodeBase64URL(r.PathValue("credentialId"))
	if err != nil || len(id) == 0 {
		return credential.Ref{}, credential.ErrCredentialUnknown
	}
	rp, err := f.queriedRelyingParty(r)
	if err != nil {
		return credential.Ref{}, err
	}
	return credential.Ref{RelyingParty: rp, CredentialID: id, Owner: owner}, nil
}

// query reads a parameter that may stand once; empty if it is not there.
func query(r *http.Request, name string) (string, error) {
	values := r.URL.Query()[name]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", errValue.At(name).Saying("%s stands twice", name)
}

func (f *front) queriedRelyingParty(r *http.Request) (string, error) {
	named, err := query(r, "rpId")
	if err != nil {
		return "", err
	}
	return f.relyingParty(r, named)
}

// relyingParty returns the one that a request is about: the one it names, the only one
// the caller's key is for, or the door's own.
func (f *front) relyingParty(r *http.Request, named string) (string, error) {
	own := web.Authority(r).RelyingParties
	switch {
	case named != "":
		return named, nil
	case len(own) == 1:
		return own[0], nil
	case f.RelyingParty != "" && (len(own) == 0 || slices.Contains(own, f.RelyingParty)):
		return f.RelyingParty, nil
	}
	return "", required("rpId")
}

// finishAt hands an answer in at the relying party that it may belong to: the one named,
// the one of the ceremony named, or whichever of the caller's knows the challenge. Where
// it is unknown nothing changes.
func (f *front) finishAt(r *http.Request, in *verifyMembers, finish func(rp string) error) error {
	candidates, err := f.candidates(r, in)
	if err != nil {
		return err
	}
	err = credential.ErrCeremonyUnknown
	for _, rp := range candidates {
		if err = finish(rp); !errors.Is(err, credential.ErrCeremonyUnknown) {
			return err
		}
	}
	return err
}

func (f *front) candidates(r *http.Request, in *verifyMembers) ([]string, error) {
	ctx, by := r.Context(), web.Authority(r)
	if in.RPID != "" {
		return []string{in.RPID}, nil
	}
	if in.TransactionID != "" {
		cer, err := f.Credentials.Ceremony(ctx, by, credential.CeremonyRef{ID: credential.CeremonyID(in.TransactionID)})
		if err == nil {
			return []string{cer.RelyingParty}, nil
		}
		if !errors.Is(err, credential.ErrCeremonyUnknown) {
			return nil, err
		}
	}
	if len(by.RelyingParties) > 0 {
		return by.RelyingParties, nil
	}
	return f.allRelyingParties(ctx)
}

// allRelyingParties returns the tenant's, the door's own first.
func (f *front) allRelyingParties(ctx context.Context) ([]string, error) {
	all, err := f.Directory.RelyingParties(ctx, f.Tenant)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, rp := range all {
		if rp.ID == f.RelyingParty {
			ids = slices.Insert(ids, 0, rp.ID)
		} else {
			ids = append(ids, rp.ID)
		}
	}
	return ids, nil
}
