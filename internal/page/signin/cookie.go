package signin

import (
	"net/http"
	"time"

	"bestow.dev/internal/credential"
)

// cookiePrefix makes browsers insist on Secure, Path=/ and no Domain, so that no other host
// can set or see the cookie.
const cookiePrefix = "__Host-"

// SetCookie gives the browser a session cookie for all our pages, of a name that begins
// with "__Host-".
func SetCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(life.Seconds()),
	})
}

// DropCookie has the browser forget a cookie of [SetCookie].
func DropCookie(w http.ResponseWriter, name string) { SetCookie(w, name, "", -time.Second) }

func (d *Door) setCookie(w http.ResponseWriter, s *credential.OpenedSession) {
	SetCookie(w, d.Cookie, s.Cookie, s.Session.Expires.Sub(s.Session.Created))
}
