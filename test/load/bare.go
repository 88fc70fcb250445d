package main

import (
	"io"
	"log"
	"net"
	"net/http"
)

// bareTLS plays the same requests to a server of net/http that reads them and
// answers with about as many bytes, and does nothing else.
func bareTLS(b *bench, callers int, calls []*call) (spent, error) {
	answer := make([]byte, 400)
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(answer)
	}
	address, stop, err := serveBare(b, http.HandlerFunc(handler))
	if err != nil {
		return spent{}, err
	}
	defer stop()
	same := make([]*call, len(calls))
	for i, c := range calls {
		same[i] = &call{request: c.request, want: http.StatusCreated}
	}
	return play(address, b.tls, deal(callers, same))
}

// serveBare serves handler with the certificate of the measured server.
func serveBare(b *bench, handler http.Handler) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	files := b.certificate()
	go func() { _ = server.ServeTLS(l, files[0], files[1]) }() // ends with stop
	return l.Addr().String(), func() { _ = server.Close() }, nil
}
