package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

// Policy is one version of an authenticator policy of a tenant. Versions are never
// changed: what an authenticator was judged by can be read years later.
type Policy struct {
	Tenant   string
	Name     string
	Version  int64            // counts from 1; zero for one from the file
	Document *policy.Document // nil: it was deleted by this version
	Source   Source
	Made     time.Time // zero for one from the file
	MadeBy   string    // the actor, such as "operator:alice"
}

// Digest names what the policy asks for; empty if it was deleted.
func (p *Policy) Digest() string {
	if p.Document == nil {
		return ""
	}
	return p.Document.Digest().String()
}

// BuiltInPolicyPrefix begins the names of policies that are part of the program, which
// no other has.
const BuiltInPolicyPrefix = "bestow."

// ParsePolicy reads a document that a tenant may have. Errors: policy.invalid with the
// member's path in Field.
func ParsePolicy(document []byte) (*policy.Document, error) {
	parsed, err := policy.Parse(document)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(parsed.Name, BuiltInPolicyPrefix) {
		return nil, policy.ErrDocument.At("name").Saying("Names that begin with %s are taken.", BuiltInPolicyPrefix)
	}
	return parsed, nil
}

// FilePolicy is a policy as a file of the configuration holds it.
type FilePolicy struct {
	Path     string // for errors
	Document []byte
}

// The faults of policies.
var (
	ErrPolicyMissing  = fault.New(fault.Internal, "policy.missing", "A policy that holds here does not exist.")
	ErrPolicyExists   = fault.New(fault.Conflict, "policy.exists", "There is a policy of that name already.")
	ErrPolicyUnknown  = fault.New(fault.NotFound, "policy.unknown", "There is no such policy.")
	ErrPolicyReadOnly = fault.New(fault.Conflict, "policy.read_only", "This policy is in a file of the configuration and can only be changed there.")
	ErrPolicyInUse    = fault.New(fault.Conflict, "policy.in_use", "The policy holds at a relying party. Take it from there first.")
	ErrPolicyChanged  = fault.New(fault.Conflict, "policy.changed", "Somebody else has just changed the policy. Look at it again.")
	ErrPolicyConflict = fault.New(fault.Conflict, "policy.conflict", "With this nothing could be registered any more.")
)

// Documents returns the documents of rp's policies, in the order of Policies, as they
// were when a [Directory] returned rp. They are not to be changed.
func (rp *RelyingParty) Documents() []*policy.Document { return rp.documents }

// PolicyBase returns what rp itself asks of authenticators, without its policies.
func (rp *RelyingParty) PolicyBase() policy.Base {
	b := policy.Base{
		Attestation:      webauthn.Conveyance(rp.Attestation),
		ResidentKey:      webauthn.ResidentKey(rp.ResidentKey),
		UserVerification: webauthn.UserVerification(rp.UserVerification),
		Attachment:       webauthn.Attachment(rp.AuthenticatorAttachment),
	}
	for _, alg := range rp.Algorithms {
		b.Algorithms = append(b.Algorithms, cose.Algorithm(alg))
	}
	return b
}

// Conflicts returns which of the documents' rules, and of what rp asks for itself,
// leave nothing that could pass, if they were rp's policies. Errors: those of
// [policy.Compile].
func (rp *RelyingParty) Conflicts(documents []*policy.Document) ([]policy.Conflict, error) {
	set, err := policy.Compile(documents...)
	if err != nil {
		return nil, err
	}
	asked := rp.PolicyBase()
	raised := policy.Base(set.Demands(policy.Registration, asked)) // what the options will ask for
	raised.Algorithms = asked.Algorithms
	return set.Conflicts(raised), nil
}

// refuseConflicts returns policy.conflict if with the documents nothing could pass at
// rp, with all reasons; and otherwise what is to be warned of.
func (rp *RelyingParty) refuseConflicts(documents []*policy.Document) ([]policy.Conflict, error) {
	conflicts, err := rp.Conflicts(documents)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, c := range conflicts {
		if c.Severity == policy.SeverityConflict {
			words = append(words, c.Words)
		}
	}
	if len(words) > 0 {
		return nil, ErrPolicyConflict.At("policies").Saying("With this nothing could be registered at %s any more: %s.", rp.ID, strings.Join(words, "; "))
	}
	return conflicts, nil
}

// documentsOf returns the documents of rp's policies. It asks the database only where
// one of them is not in a file. Errors: policy.unknown.
func (d *Directory) documentsOf(ctx context.Context, rp *RelyingParty) ([]*policy.Document, error) {
	var stored []*Policy
	documents := make([]*policy.Document, 0, len(rp.Policies))
	for _, name := range rp.Policies {
		p := find(d.filePolicies[rp.Tenant], name)
		if p == nil && stored == nil {
			var err error
			if stored, err = d.store.Policies(ctx, rp.Tenant); err != nil {
				return nil, err
			}
		}
		if p == nil {
			p = find(stored, name)
		}
		if p == nil {
			return nil, ErrPolicyUnknown.At("policies").Saying("The relying party %s names the policy %s, which does not exist.", rp.ID, name)
		}
		documents = append(documents, p.Document)
	}
	return documents, nil
}

// policies returns the current policies of a tenant, of the file and the database, by
// name.
func (d *Directory) policies(ctx context.Context, tenantName string) ([]*Policy, error) {
	all, err := d.store.Policies(ctx, tenantName)
	if err != nil {
		return nil, err
	}
	for _, p := range d.filePolicies[tenantName] {
		all = slices.DeleteFunc(all, func(q *Policy) bool { return q.Name == p.Name })
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Policy) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func find(all []*Policy, name string) *Policy {
	for _, p := range all {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// addFilePolicies reads the policies of a tenant's files.
func (d *Directory) addFilePolicies(t FileTenant) error {
	for _, f := range t.Policies {
		document, err := ParsePolicy(f.Document)
		if err != nil {
			return fmt.Errorf("policy file %s: %w", f.Path, err)
		}
		if find(d.filePolicies[t.Name], document.Name) != nil {
			return ErrTwice.Saying("The policy %s stands in two files.", document.Name)
		}
		d.filePolicies[t.Name] = append(d.filePolicies[t.Name], &Policy{Tenant: t.Name, Name: document.Name, Document: document, Source: FromFile})
	}
	return nil
}

// checkFilePolicies refuses to start where a relying party of the file names a policy
// that does not exist, or policies with which nothing could pass. Where all policies
// are in files, too, their documents are filled in once and for all.
func (d *Directory) checkFilePolicies(ctx context.Context) error {
	for _, rp := range d.fileRPs {
		documents, err := d.documentsOf(ctx, rp)
		if err != nil {
			return fmt.Errorf("relying party %q: %w", rp.ID, err)
		}
		if _, err := rp.refuseConflicts(documents); err != nil {
			return fmt.Errorf("relying party %q: %w", rp.ID, err)
		}
		inFiles := func(name string) bool { return find(d.filePolicies[rp.Tenant], name) != nil }
		if !slices.ContainsFunc(rp.Policies, func(name string) bool { return !inFiles(name) }) {
			rp.documents = documents
		}
	}
	return nil
}
