package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/process"
)

// This file has the tasks of a credential's life at our own relying parties.

// bestowError says what a refusal of ours means to a process.
func bestowError(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	switch f.Kind {
	case fault.Internal, fault.Unavailable, fault.Limited:
		return err
	}
	kind := BestowRefused
	switch f.Code {
	case credential.ErrUserUnknown.Code, credential.ErrUserLocked.Code:
		kind = BestowUser
	case credential.ErrCredentialUnknown.Code:
		kind = BestowCredential
	}
	return &process.TaskError{Type: kind, Status: f.Code, Message: f.Code + ": " + f.Public}
}

// person is whom a task is about, and where.
type person struct {
	user credential.UserRef
	rp   string
}

// personOf returns the user that userid names, or whom the run is for, and the relying
// party, or the tenant's only one.
func (s *Service) personOf(ctx context.Context, g given) (person, error) {
	var p person
	name, err := g.optionalText("userid")
	if err != nil {
		return p, err
	}
	switch {
	case name != "":
		p.user = credential.ByName(name)
	case g.Subject != "":
		p.user = credential.ByID(credential.UserID(g.Subject))
	default:
		return p, badParameter("userid", "has no value, and the run is for nobody")
	}
	id, err := g.optionalText("relyingParty")
	if err != nil {
		return p, err
	}
	rp, err := s.relyingParty(ctx, g.Tenant, id)
	if errors.Is(err, ErrConnection) {
		return p, badParameter("relyingParty", "has no value, and the tenant has several")
	}
	if err != nil {
		return p, bestowError(err)
	}
	p.rp = rp.ID
	return p, nil
}

// personParams are the parameters that personOf reads.
var personParams = []string{"userid", "relyingParty"}

// all returns every credential of the person.
func (p person) all(ctx context.Context, s *Service, w process.Work) ([]credential.Credential, error) {
	var list []credential.Credential
	q := credential.CredentialQuery{RelyingParty: p.rp, User: p.user}
	for {
		page, err := s.credentials.Credentials(ctx, acting(w), q)
		if err != nil {
			return nil, bestowError(err)
		}
		list = append(list, page.Credentials...)
		if q.After = page.Next; q.After == "" {
			return list, nil
		}
	}
}

// listCredentials tells a user's credentials: their ids, in the order they were made.
func (s *Service) listCredentials() *task {
	return &task{
		shape: shape{
			optional: append([]string{"state"}, personParams...),
			fields:   map[string]string{"credentialIdsField": "fidoCredentialIds"},
		},
		literals: func(params map[string]string) error {
			if v := params["state"]; v != "" && isLiteral(v) && !isState(v) {
				return fmt.Errorf("the parameter state is %s or %s", credential.Active, credential.Suspended)
			}
			return nil
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			state, err := g.optionalText("state")
			if err != nil {
				return process.Result{}, err
			}
			if state != "" && !isState(state) {
				return process.Result{}, badParameter("state", "is neither %s nor %s", credential.Active, credential.Suspended)
			}
			p, err := s.personOf(ctx, g)
			if err != nil {
				return process.Result{}, err
			}
			list, err := p.all(ctx, s, g.Work)
			if err != nil {
				return process.Result{}, err
			}
			ids := []string{}
			for _, c := range list {
				if state == "" || string(c.State) == state {
					ids = append(ids, base64url.EncodeToString(c.CredentialID))
				}
			}
			value, err := json.Marshal(ids)
			return process.Result{Outputs: map[string]json.RawMessage{g.field("credentialIdsField"): value}}, err
		},
	}
}

func isState(s string) bool {
	return s == string(credential.Active) || s == string(credential.Suspended)
}

// each is a task that does something with each credential that credentialId names: one,
// or a list. What was done before does no harm done again.
func (s *Service) each(optional []string, do func(ctx context.Context, g given, ref credential.Ref) (note string, err error)) *task {
	return &task{
		shape: shape{required: []string{"credentialId"}, optional: append(optional, personParams...)},
		do: func(ctx context.Context, g given) (process.Result, error) {
			ids, err := g.list("credentialId")
			if err != nil {
				return process.Result{}, err
			}
			p, err := s.personOf(ctx, g)
			if err != nil {
				return process.Result{}, err
			}
			note := "no credential"
			for _, id := range ids {
				raw, err := base64url.DecodeString(id)
				if err != nil || len(raw) == 0 {
					return process.Result{}, badParameter("credentialId", "is not the id of a credential")
				}
				ref := credential.Ref{RelyingParty: p.rp, CredentialID: raw, Owner: p.user}
				if note, err = do(ctx, g, ref); err != nil {
					return process.Result{}, bestowError(err)
				}
			}
			if len(ids) > 1 {
				note = fmt.Sprintf("%d credentials; of the last: %s", len(ids), note)
			}
			return process.Result{Note: note}, nil
		},
	}
}

// suspendCredential keeps credentials from being used.
func (s *Service) suspendCredential() *task {
	return s.each([]string{"reason"}, func(ctx context.Context, g given, ref credential.Ref) (string, error) {
		reason, err := g.optionalText("reason")
		if err != nil {
			return "", err
		}
		return s.setState(ctx, g, ref, credential.Suspended, reason)
	})
}

// resumeCredential lets suspended credentials be used again.
func (s *Service) resumeCredential() *task {
	return s.each(nil, func(ctx context.Context, g given, ref credential.Ref) (string, error) {
		return s.setState(ctx, g, ref, credential.Active, "")
	})
}

func (s *Service) setState(ctx context.Context, g given, ref credential.Ref, state credential.State, reason string) (string, error) {
	by := acting(g.Work)
	c, err := s.credentials.Get(ctx, by, ref)
	if err != nil {
		return "", err
	}
	if c.State == state {
		return "was " + string(state) + " already", nil
	}
	_, err = s.credentials.Update(ctx, by, ref, credential.CredentialUpdate{State: &state, Reason: reason})
	return string(state), err
}

// deleteCredential deletes credentials for good. One that is not there is deleted: whether
// it ever was cannot be told from work that was done before.
func (s *Service) deleteCredential() *task {
	return s.each(nil, func(ctx context.Context, g given, ref credential.Ref) (string, error) {
		err := s.credentials.Delete(ctx, acting(g.Work), ref)
		if errors.Is(err, credential.ErrCredentialUnknown) {
			return "there is no such credential of this user, or not any more", nil
		}
		return "deleted", err
	})
}
