package mds

import (
	"context"

	"bestow.dev/internal/fault"
)

// Fetcher gets documents over the network. It follows redirects within the web origin
// of the URL and by https alone, or not at all. Neither URLs nor what a server wrote
// enter its errors, which are faults of this package.
type Fetcher interface {
	// Fetch gets a document. Errors: metadata.unreachable, metadata.answer,
	// metadata.redirect, metadata.too_large.
	Fetch(ctx context.Context, r Request) (*Document, error)
}

// Request says which document is wanted.
type Request struct {
	URL string
	// MaxBytes is the length of the longest document that is taken.
	MaxBytes int64
	// ETag and LastModified are validators of a document that is there already. Empty:
	// there is none, and the document is wanted in any case.
	ETag, LastModified string
	// PlainHTTP allows http: for documents that are signed and secret to nobody, such
	// as revocation lists.
	PlainHTTP bool
}

// Document is what a server answered.
type Document struct {
	NotModified bool // the document is the one of the validators; nothing below is set
	Body        []byte
	// ETag and LastModified are validators of Body; empty where the server gave none.
	ETag, LastModified string
}

// The faults of fetching.
var (
	ErrUnreachable = fault.New(fault.Unavailable, "metadata.unreachable", "The metadata service cannot be reached.")
	ErrAnswer      = fault.New(fault.Unavailable, "metadata.answer", "The metadata service did not answer with a document.")
	ErrRedirect    = fault.New(fault.Rejected, "metadata.redirect", "The metadata service redirects to another place, which is not followed.")
	ErrTooLarge    = fault.New(fault.Rejected, "metadata.too_large", "The document is larger than is taken.")
)
