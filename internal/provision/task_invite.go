package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
)

// This file has the tasks of enrolment in a browser, by invitation: one makes the link,
// the other waits until it has served.

// invitationVariable is the variable of an invitation. It opens nothing: the link does.
type invitationVariable struct {
	ID           string            `json:"id"`
	RelyingParty string            `json:"relyingParty"`
	User         credential.UserID `json:"user"`
	Created      time.Time         `json:"created"`
	Expires      time.Time         `json:"expires"`
	Had          []string          `json:"had"` // credentials the user had then
}

// invite makes the link. Made again after a crash it makes another and the first, which
// nobody has seen, is void.
func (s *Service) invite() *task {
	return &task{
		shape: shape{
			optional: append([]string{"additional", "lifeHours"}, personParams...),
			fields:   map[string]string{"invitationUrlField": "invitationUrl", "invitationField": "invitation"},
		},
		literals: func(params map[string]string) error {
			if v := params["lifeHours"]; v != "" && isLiteral(v) {
				if _, err := lifeOf(v); err != nil {
					return err
				}
			}
			if v := params["additional"]; isLiteral(v) && v != "" && v != "true" && v != "false" {
				return fmt.Errorf("the parameter additional is true or false")
			}
			return nil
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			in, err := s.invitationOf(ctx, g)
			if err != nil {
				return process.Result{}, err
			}
			had, err := person{in.User, in.RelyingParty}.all(ctx, s, g.Work)
			if err != nil {
				return process.Result{}, err
			}
			invited, err := s.credentials.Invite(ctx, acting(g.Work), in)
			if err != nil {
				return process.Result{}, bestowError(err)
			}
			i := &invited.Invitation
			v := invitationVariable{
				ID: i.ID, RelyingParty: i.RelyingParty, User: i.User, Created: i.Created, Expires: i.Expires, Had: []string{},
			}
			for _, c := range had {
				v.Had = append(v.Had, base64url.EncodeToString(c.CredentialID))
			}
			value, err := json.Marshal(v)
			return process.Result{
				Outputs: map[string]json.RawMessage{g.field("invitationField"): value},
				Secrets: map[string]json.RawMessage{g.field("invitationUrlField"): quoted(s.invitation + invited.Secret)},
				Note:    "invited until " + i.Expires.Format(time.RFC3339),
			}, err
		},
	}
}

func (s *Service) invitationOf(ctx context.Context, g given) (in credential.Invite, err error) {
	p, err := s.personOf(ctx, g)
	if err != nil {
		return in, err
	}
	in.RelyingParty, in.User = p.rp, p.user
	if in.Additional, err = g.flag("additional"); err != nil {
		return in, err
	}
	// A number of a variable, or the text of a literal.
	life := strings.Trim(string(g.Params["lifeHours"]), `"`)
	if life == "" || life == "null" {
		return in, nil
	}
	if in.Life, err = lifeOf(life); err != nil {
		return in, badParameter("lifeHours", "is not a whole number of hours, 1 to %d", maxLifeHours)
	}
	return in, nil
}

// maxLifeHours is the longest life of an invitation: 30 days.
const maxLifeHours = 720

func lifeOf(text string) (time.Duration, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLifeHours {
		return 0, fmt.Errorf("the parameter lifeHours is a whole number, 1 to %d", maxLifeHours)
	}
	return time.Duration(n) * time.Hour, nil
}

const (
	// lookForEnrolment is how often a credential is looked for without news.
	lookForEnrolment = time.Minute

	// lastVisit is how long a browser session lasts that was begun at an invitation's last
	// moment.
	lastVisit = 15 * time.Minute
)

// awaitEnrolment waits until the invited user has a credential that they made themselves.
func (s *Service) awaitEnrolment() *task {
	t := &task{
		shape: shape{fields: map[string]string{"invitationField": "", "credentialIdField": "fidoCredentialId"}},
	}
	t.do = func(ctx context.Context, g given) (process.Result, error) { return s.enrolled(ctx, g) }
	t.wake = func(ctx context.Context, g given, _ process.Wait) (process.Result, error) { return s.enrolled(ctx, g) }
	return t
}

func (s *Service) enrolled(ctx context.Context, g given) (process.Result, error) {
	raw, err := g.variable("invitationField")
	if err != nil {
		return process.Result{}, err
	}
	var v invitationVariable
	if json.Unmarshal(raw, &v) != nil || v.User == "" || v.Expires.IsZero() {
		return process.Result{}, badParameter("invitationField", "names a variable that is no invitation")
	}
	list, err := person{credential.ByID(v.User), v.RelyingParty}.all(ctx, s, g.Work)
	if err != nil {
		return process.Result{}, err
	}
	self := audit.Actor{Kind: audit.User, ID: string(v.User)}.String()
	for _, c := range list {
		id := base64url.EncodeToString(c.CredentialID)
		if c.ProvisionedBy == self && !c.Created.Before(v.Created) && !slices.Contains(v.Had, id) {
			return process.Result{
				Outputs: map[string]json.RawMessage{g.field("credentialIdField"): quoted(id)},
				Note:    "the user has registered a credential",
			}, nil
		}
	}
	if g.Now.After(v.Expires.Add(lastVisit)) {
		return process.Result{}, &process.TaskError{Type: BestowExpired, Status: "invitation.expired", Message: "invitation.expired: the invitation was not followed in time"}
	}
	return process.Result{Wait: &process.Wait{
		Key:  enrolmentKey(v.RelyingParty, v.User),
		Look: g.Now.Add(lookForEnrolment),
	}}, nil
}

func enrolmentKey(rp string, user credential.UserID) string {
	return "enrol/" + rp + "/" + string(user)
}

// CredentialAdded says that a user got a credential: whoever waits for it looks at once.
func (s *Service) CredentialAdded(ctx context.Context, n credential.Notice) error {
	return s.news(ctx, n.Tenant, enrolmentKey(n.RelyingParty, n.User.ID))
}
