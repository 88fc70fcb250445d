package credential

import (
	"cmp"
	"context"
	"crypto/sha256"

	"bestow.dev/internal/tenant"
)

// answered is what an answer, and the one who brings it, say of the ceremony it is to.
type answered struct {
	rp        string
	kind      CeremonyKind
	challenge []byte
	requestID string
	byRequest bool
	user      UserRef // zero: whoever it is of
}

// ceremonyKey returns where the ceremony of an answer is found: by the challenge that it
// answers, or by the request that it is brought for, whatever challenge it answers. The
// user who is named with a request comes first: what they are told does not hang on
// what they guess. Errors: ceremony.request_missing, user.unknown, operator.above,
// user.operator, ceremony.unknown for what cannot be a request's id.
func (s *Service) ceremonyKey(ctx context.Context, by tenant.Authority, a answered) (CeremonyKey, error) {
	key := CeremonyKey{Tenant: by.Tenant, RelyingParty: a.rp, Kind: a.kind, Challenge: sha256.Sum256(a.challenge)}
	switch {
	case !a.byRequest:
		return key, nil
	case a.requestID == "":
		return key, ErrRequestMissing.At("requestId")
	case !validText(a.requestID, maxRequestIDChars):
		return key, ErrCeremonyUnknown
	}
	if !a.user.IsZero() {
		u, err := s.user(ctx, by.Tenant, a.user)
		if err != nil {
			return key, err
		}
		if a.kind == Registration || by.SparesOperators {
			if err := refuseAbove(by, u); err != nil {
				return key, err
			}
		}
	}
	key.RequestID = a.requestID
	return key, nil
}

// nameOf returns what to call a new credential.
func nameOf(in *FinishRegistration, cer *Ceremony, made *judged) string {
	return cmp.Or(in.Name, cer.Terms.Name, modelName(in, made))
}

// modelName returns how the metadata calls the model, where a trusted attestation vouches
// for it and the caller wants that for a name. What would not do for a name is none.
func modelName(in *FinishRegistration, made *judged) string {
	if !in.NameModel || !made.Trusted || len(made.models) == 0 {
		return ""
	}
	statement := made.models[0].Entry.Statement
	if statement == nil {
		return ""
	}
	name := clip(statement.Description, maxCredentialNameChars)
	if !validText(name, maxCredentialNameChars) {
		return ""
	}
	return name
}
