package mds

import (
	"errors"

	"bestow.dev/internal/fault"
	"bestow.dev/metadata"
)

// The faults of this package, beside those of fetching. A list that is refused has the
// code "metadata." and the [metadata.Reason], such as metadata.serial_number.
var (
	// ErrNone says that no list of the source was ever accepted.
	ErrNone = fault.New(fault.NotFound, "metadata.none", "No list of this source has been accepted yet.")

	// ErrUnknownSource says that no source has that name.
	ErrUnknownSource = fault.New(fault.NotFound, "metadata.source_unknown", "There is no metadata source of that name.")

	// ErrOwn says that a source of the operator's own is read at the start only.
	ErrOwn = fault.New(fault.Unsupported, "metadata.own", "Statements of your own are read when the server starts; there is nothing to fetch.")

	// ErrTaken says that another check began while this one was under way.
	ErrTaken = fault.New(fault.Conflict, "metadata.check_taken", "Another check of this source has begun meanwhile; its result counts.")

	// ErrFile says that a file of a source cannot be read.
	ErrFile = fault.New(fault.Unavailable, "metadata.file", "A file of this source cannot be read.")

	// ErrX5U says that a list leaves its signer's chain at another web origin.
	ErrX5U = fault.New(fault.Rejected, "metadata.x5u_origin", "The list leaves its signer's certificates at another place than it came from.")

	// ErrChain says that what stands where x5u leads is no chain.
	ErrChain = fault.New(fault.Rejected, "metadata.certificate_malformed", "The certificates of the list's signer cannot be read.")
)

var words = map[metadata.Reason]string{
	metadata.ReasonSize:                 "The list is larger than is taken.",
	metadata.ReasonJWSMalformed:         "The document is not a signed list of metadata.",
	metadata.ReasonAlgorithm:            "The list is signed with an algorithm that is not allowed.",
	metadata.ReasonX5U:                  "The list leaves its signer's certificates elsewhere, where they cannot be fetched.",
	metadata.ReasonCertificateMalformed: "The certificates of the list's signer cannot be read.",
	metadata.ReasonChainUntrusted:       "Who signed the list is not vouched for by a configured root.",
	metadata.ReasonChainExpired:         "A certificate of the list's signer is not valid now.",
	metadata.ReasonKeyUsage:             "The certificate of the list's signer is not for signatures.",
	metadata.ReasonRevoked:              "A certificate of the list's signer is revoked.",
	metadata.ReasonRevocationUnknown:    "Whether the certificates of the list's signer are revoked could not be found out.",
	metadata.ReasonSignature:            "The signature of the list does not verify.",
	metadata.ReasonPayloadMalformed:     "The list cannot be read.",
	metadata.ReasonSerialNumber:         "The list is older than the one in force, or another of the same number.",
}

// refusal turns what package metadata said of a list into a fault.
func refusal(err error) error {
	e, ok := errors.AsType[*metadata.VerificationError](err)
	if !ok || e.Reason == metadata.ReasonInternal {
		return err
	}
	public := words[e.Reason]
	if public == "" {
		public = "The list was refused."
	}
	return fault.New(fault.Rejected, "metadata."+string(e.Reason), public).Because(err)
}
