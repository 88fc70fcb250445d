package console

import (
	"net/http"
	"net/url"
	"strings"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
)

// How much a page shows at once.
const (
	usersOnPage       = 50
	credentialsOnPage = 20
)

type usersPage struct {
	Search string
	Users  []credential.User
	Next   string // path of the page after it; empty on the last
}

// users lists users by name, those that a search finds.
func (c *Console) users(w http.ResponseWriter, r *http.Request, o *Operator) error {
	query := r.URL.Query()
	list, err := c.Credentials.Users(r.Context(), o.By, credential.UserQuery{
		Search: query.Get("search"), After: query.Get("after"), Limit: usersOnPage,
	})
	if err != nil {
		return err
	}
	p := usersPage{Search: query.Get("search"), Users: list.Users}
	if list.Next != "" {
		p.Next = Root + "/users?" + url.Values{"search": {p.Search}, "after": {list.Next}}.Encode()
	}
	return o.Show(w, View{Pages: pages, Name: "users.html", Title: "users.title", Data: p})
}

type userPage struct {
	*credential.User
	Credentials []credentialCard
	More        bool // there are more than are shown
}

// credentialCard is a credential with what was found when it was registered.
type credentialCard struct {
	credential.Credential
	By         actor           // who registered it
	Registered policy.Decision // zero for what was judged before it was kept
}

// user shows a user and their credentials.
func (c *Console) user(w http.ResponseWriter, r *http.Request, o *Operator) error {
	u, err := c.Credentials.User(r.Context(), o.By, credential.ByID(credential.UserID(r.PathValue("id"))))
	if err != nil {
		return err
	}
	list, err := c.Credentials.Credentials(r.Context(), o.By, credential.CredentialQuery{User: credential.ByID(u.ID), Limit: credentialsOnPage})
	if err != nil {
		return err
	}
	p := userPage{User: u, More: list.Next != ""}
	known := names{c, o.By, map[string]string{string(u.ID): u.Name}}
	for _, k := range list.Credentials {
		evidence, err := c.Credentials.Evidence(r.Context(), o.By, credential.Ref{ID: k.ID})
		if err != nil {
			return err
		}
		kind, id, _ := strings.Cut(k.ProvisionedBy, ":")
		by, err := known.actor(r.Context(), audit.Actor{Kind: audit.ActorKind(kind), ID: id})
		if err != nil {
			return err
		}
		p.Credentials = append(p.Credentials, credentialCard{k, by, evidence.Decision})
	}
	return o.Show(w, View{Pages: pages, Name: "user.html", Title: "user.title", Data: p})
}
