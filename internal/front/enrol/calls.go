package enrol

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// visitor is what a page is told about its session.
type visitor struct {
	Purpose      credential.Purpose `json:"purpose"`
	Name         string             `json:"name,omitempty"`
	DisplayName  string             `json:"displayName,omitempty"`
	RelyingParty string             `json:"relyingParty"` // its name
	Registered   bool               `json:"registered"`   // this session has registered its credential
	Expires      time.Time          `json:"expires"`
}

func (f *front) visitor(r *http.Request, s *credential.Session) (visitor, error) {
	rp, err := f.Directory.RelyingParty(r.Context(), s.Tenant, s.RelyingParty)
	if err != nil {
		return visitor{}, err
	}
	return visitor{
		Purpose: s.Purpose, Name: s.UserName, DisplayName: s.DisplayName, RelyingParty: rp.Name,
		Registered: !s.Registered.IsZero(), Expires: s.Expires,
	}, nil
}

// session tells a page that was loaded again where it was: 204 if nowhere.
func (f *front) session(w http.ResponseWriter, r *http.Request) error {
	err := f.inSession(func(w http.ResponseWriter, r *http.Request, s *credential.Session) error {
		v, err := f.visitor(r, s)
		if err != nil {
			return err
		}
		web.WriteJSON(w, http.StatusOK, v)
		return nil
	})(w, r)
	if errors.Is(err, credential.ErrSessionUnknown) {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return err
}

// start spends the secret of a link and opens the session.
func (f *front) start(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Secret string `json:"secret"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	opened, err := f.Credentials.StartEnrolment(r.Context(), in.Secret, web.Address(r.Context()))
	if err != nil {
		return err
	}
	setCookie(w, opened)
	s, _, err := f.Credentials.Session(r.Context(), opened.Cookie, f.door(r)) // with its user's names
	if err != nil {
		return err
	}
	v, err := f.visitor(r, s)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, v)
	return nil
}

// options carries creation or request options.
type options struct {
	PublicKey json.RawMessage `json:"publicKey"`
}

func (f *front) beginRegistration(w http.ResponseWriter, r *http.Request, s *credential.Session) error {
	begun, err := f.Credentials.BeginRegistration(r.Context(), web.Authority(r), credential.BeginRegistration{
		RelyingParty: s.RelyingParty, User: credential.ByID(s.User),
	})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, options{begun.JSON})
	return nil
}

// own is a credential as its owner sees it.
type own struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Synced   bool       `json:"synced"` // the passkey is or may be copied to the owner's other devices
	State    string     `json:"state"`
	Created  time.Time  `json:"created"`
	LastUsed *time.Time `json:"lastUsed,omitempty"`
	Current  bool       `json:"current,omitempty"` // signed in with
}

func fromCredential(c *credential.Credential) own {
	o := own{ID: string(c.ID), Name: c.Name, Synced: c.BackupEligible, State: string(c.State), Created: c.Created}
	if !c.LastUsed.IsZero() {
		o.LastUsed = &c.LastUsed
	}
	return o
}

func (f *front) finishRegistration(w http.ResponseWriter, r *http.Request, s *credential.Session) error {
	var in struct {
		Name     string          `json:"name"`
		Response json.RawMessage `json:"response"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	response, err := webauthn.ParseRegistrationResponse(in.Response)
	if err != nil {
		return credential.Unreadable(err)
	}
	made, err := f.Credentials.FinishRegistration(r.Context(), web.Authority(r), credential.FinishRegistration{
		RelyingParty: s.RelyingParty, Response: response, Name: in.Name,
	})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, fromCredential(made))
	return nil
}

// beginAuthentication works in any session, and begins one for a visitor without.
func (f *front) beginAuthentication(w http.ResponseWriter, r *http.Request) error {
	err := f.inSession(f.beginInSession)(w, r)
	if !errors.Is(err, credential.ErrSessionUnknown) {
		return err
	}
	if f.RelyingParty == "" {
		return errNothingHere
	}
	visit, err := f.Credentials.StartVisit(r.Context(), f.Tenant, f.RelyingParty, web.Address(r.Context()))
	if err != nil {
		return err
	}
	s, by, err := f.Credentials.Session(r.Context(), visit.Cookie, f.door(r))
	if err != nil {
		return err
	}
	setCookie(w, visit)
	return f.beginInSession(w, web.WithAuthority(r, by), s)
}

func (f *front) beginInSession(w http.ResponseWriter, r *http.Request, s *credential.Session) error {
	in := credential.BeginAuthentication{RelyingParty: s.RelyingParty}
	if s.User != "" {
		in.User = credential.ByID(s.User)
	}
	begun, err := f.Credentials.BeginAuthentication(r.Context(), web.Authority(r), in)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, options{begun.JSON})
	return nil
}

// signedIn tells the page who signed in, and what to tell the browser of their passkeys.
type signedIn struct {
	Name        string              `json:"name"`
	DisplayName string              `json:"displayName"`
	Signals     *credential.Signals `json:"signals,omitempty"`
}

func (f *front) finishAuthentication(w http.ResponseWriter, r *http.Request, s *credential.Session) error {
	var in struct {
		Response json.RawMessage `json:"response"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	response, err := webauthn.ParseAuthenticationResponse(in.Response)
	if err != nil {
		return credential.Unreadable(err)
	}
	done, err := f.Credentials.FinishAuthentication(r.Context(), web.Authority(r), credential.FinishAuthentication{
		RelyingParty: s.RelyingParty, Response: response, Signals: true,
	})
	if err != nil {
		return err
	}
	if done.Session == nil {
		return fault.New(fault.Internal, "session.missing", "Something went wrong on our side.")
	}
	setCookie(w, done.Session)
	web.WriteJSON(w, http.StatusOK, signedIn{done.User.Name, done.User.DisplayName, done.Signals})
	return nil
}

// credentials lists the person's own. The domain lets a session see them only
// within fifteen minutes of a sign-in.
func (f *front) credentials(w http.ResponseWriter, r *http.Request, s *credential.Session) error {
	list, err := f.Credentials.Credentials(r.Context(), web.Authority(r), credential.CredentialQuery{})
	if err != nil {
		return err
	}
	items := []own{}
	for i := range list.Credentials {
		o := fromCredential(&list.Credentials[i])
		o.Current = list.Credentials[i].ID == s.Credential
		items = append(items, o)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"items": items})
	return nil
}

func (f *front) signOut(w http.ResponseWriter, r *http.Request, _ *credential.Session) error {
	if err := f.Credentials.EndSession(r.Context(), web.Authority(r)); err != nil {
		return err
	}
	dropCookie(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
