// Package identity is the door that relays call back at, where identity processes wait for
// what a desk answers:
//
//	POST <base>/callback/{name}   something happened to a command
//	GET  <base>/callback/alive    are callbacks taken here? An empty answer
//
// A callback is a hint. The door reads of it which command it is about and nothing else;
// who waits for that command asks the relay. So a callback may be repeated, late, or a lie.
// Its sender signs in all the same, as the callback user, so that strangers cannot have us
// ask relays all day.
package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Config is what the door is made of. All but Base and Now are required.
type Config struct {
	// Heard takes what was heard of a command, by its id. It is called more than once for
	// the same.
	Heard func(ctx context.Context, tenant, command string) error

	// Ready reports whether callbacks can be taken now.
	Ready func(ctx context.Context) error

	Tenant string // whose processes hear of it

	// Base is the path before /callback, without a slash at the end. Empty: none.
	Base string

	// User and Password are those of the callback user.
	User, Password string

	// Now is the clock of the limit on wrong passwords. Nil means time.Now.
	Now func() time.Time
}

var (
	errCallbackUser = fault.New(fault.Unauthenticated, "callback.unauthenticated", "The user name or password is not right.")
	errCallback     = fault.New(fault.Invalid, "callback.invalid", "The body is not a callback: a JSON object with a commandId.")
)

// Limits of the door.
const (
	// maxBodyBytes is more than a relay has to say: the answer of a device twice over.
	maxBodyBytes = 512 << 10

	// maxWrong passwords from one address are judged a minute.
	maxWrong = 20
)

type front struct {
	Config
	user, password [sha256.Size]byte
	wrong          *web.FailureLimit
}

// Mount adds the door's routes to mux. It returns an error if c is incomplete.
func Mount(mux *http.ServeMux, c Config) error {
	if c.Heard == nil || c.Ready == nil || c.Tenant == "" || c.User == "" || c.Password == "" {
		return errors.New("identity: all but base and clock are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	f := &front{Config: c, user: sha256.Sum256([]byte(c.User)), password: sha256.Sum256([]byte(c.Password)), wrong: web.NewFailureLimit(maxWrong, c.Now)}
	mux.HandleFunc("GET "+c.Base+"/callback/alive", f.alive) // and HEAD
	mux.HandleFunc("POST "+c.Base+"/callback/{name}", f.callback)
	return nil
}

// alive says that the service is there, and nothing else to anybody.
func (f *front) alive(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	if err := f.Ready(r.Context()); err != nil {
		web.LogFault(r.Context(), err)
		status = http.StatusServiceUnavailable
	}
	empty(w, status)
}

// callback takes what was heard.
func (f *front) callback(w http.ResponseWriter, r *http.Request) {
	if err := f.take(w, r); err != nil {
		web.LogFault(r.Context(), err)
		refuse(w, r, fault.From(err))
		return
	}
	empty(w, http.StatusOK)
}

func empty(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

func (f *front) take(w http.ResponseWriter, r *http.Request) error {
	if err := f.signIn(r); err != nil {
		return err
	}
	if !web.IsJSON(r) {
		return web.ErrNotJSON
	}
	body, err := web.ReadBody(w, r, maxBodyBytes)
	if err != nil {
		return err
	}
	command, err := commandOf(body)
	if err != nil {
		return err
	}
	return f.Heard(r.Context(), f.Tenant, command)
}

// signIn judges the callback user's credentials, in the same time whatever is wrong.
func (f *front) signIn(r *http.Request) error {
	address := tenant.Network(web.Address(r.Context()))
	if f.wrong.Exceeded(address) {
		return web.ErrTooManyWrong
	}
	user, password, _ := r.BasicAuth()
	u, p := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(u[:], f.user[:])&subtle.ConstantTimeCompare(p[:], f.password[:]) != 1 {
		f.wrong.Failed(address)
		return errCallbackUser
	}
	return nil
}

// commandOf returns which command a callback is about.
func commandOf(body []byte) (string, error) {
	var c struct {
		ID string `json:"commandId"`
	}
	if err := strictjson.Decode(body, &c); err != nil {
		return "", errCallback.Because(err)
	}
	if c.ID == "" {
		return "", errCallback.At("commandId")
	}
	return c.ID, nil
}

// refusal is the body of every refusal.
type refusal struct {
	Error     string `json:"error"` // our code of the cause
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

func refuse(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	switch status := web.StatusOf(f); status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="callbacks", charset="UTF-8"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, web.StatusOf(f), refusal{f.Code, f.Public, web.RequestID(r.Context())})
}
