// Package page is what the pages of all doors share: style, icon, the script that
// talks to the browser about passkeys, the button that signs in, the headers that protect a page, and texts in
// several languages.
//
// The roof mounts the assets once:
//
//	page.Mount(mux)
//
// A door parses its templates with its texts, and renders them in the language of who
// asks:
//
//	var pages = page.Parse(files, texts, "assets/*.html")
//	...
//	page.Protect(w.Header(), page.NoForms)
//	err := pages.Render(w, page.Language(r), "users.html", data)
package page

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed assets
var assets embed.FS

// Mount adds the assets to mux: /assets/style.css, /assets/icon.svg, /assets/passkey.js
// and /assets/signin.js.
func Mount(mux *http.ServeMux) {
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	for _, name := range []string{"style.css", "icon.svg", "passkey.js", "signin.js"} {
		mux.HandleFunc("GET /assets/"+name, Asset(files, name))
	}
}

// Asset serves one file of files.
func Asset(files fs.FS, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // asked again each time, so that an update is seen at once
		http.ServeFileFS(w, r, files, name)
	}
}

// Forms says where the forms of a page may lead.
type Forms string

// The values of Forms.
const (
	NoForms  Forms = "'none'"
	OwnForms Forms = "'self'" // to our own server
)

// Protect sets the headers of a page. It is HTML that nobody keeps, runs our own
// script and style, calls ourselves and nobody else, stands in no frame, and may ask
// the browser for passkeys.
func Protect(h http.Header, forms Forms) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action "+string(forms)+"; frame-ancestors 'none'")
	h.Set("Permissions-Policy", "publickey-credentials-create=(self), publickey-credentials-get=(self)")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}
