package web

import "net/http"

// Routes serves mux, and lets refuse answer the requests that mux has no handler for,
// so that a door says these too in its own words: [ErrMethod], with the header Allow
// set, where the path takes other methods, and [ErrNoSuchPath] elsewhere.
func Routes(mux *http.ServeMux, refuse func(w http.ResponseWriter, r *http.Request, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unhandled, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		// What mux would answer carries the methods that the path takes.
		said := headersOnly{}
		unhandled.ServeHTTP(said, r)
		if allow := said.Header().Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			refuse(w, r, ErrMethod)
			return
		}
		refuse(w, r, ErrNoSuchPath)
	})
}

// headersOnly is an answer that goes nowhere.
type headersOnly http.Header

// Header implements [http.ResponseWriter].
func (h headersOnly) Header() http.Header { return http.Header(h) }

// Write implements [http.ResponseWriter].
func (headersOnly) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements [http.ResponseWriter].
func (headersOnly) WriteHeader(int) {}
