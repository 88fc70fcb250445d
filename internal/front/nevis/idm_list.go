package nevis

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
)

// errQuery is a parameter of the query that does not have its form.
var errQuery = fault.New(fault.Invalid, "request.query", "A parameter of the query does not have its form.")

// filters are the parameters that select; paging has its own.
var (
	userFilters   = []string{"userFriendlyName", "stateName"}
	clientFilters = []string{
		"userFriendlyName", "userFriendlyName_SW", "userFriendlyName_IEQ", "extId", "extId_SW", "extId_IEQ",
		"hashedCredentialId", "stateName", "sortBy", "offset", "returnTotalResultCount",
	}
)

// sorts are the orders by name. A credential is good from when it was made, and to no
// certain time.
var sorts = map[string]credential.CredentialSort{
	"extId": credential.SortExternalOrID, "validity.from": credential.SortMade, "validity.to": credential.SortMade,
	"version": credential.SortVersion, "created": credential.SortMade, "lastModified": credential.SortUpdated,
	"aaguid": credential.SortModel, "rpId": credential.SortRelyingParty, "userFriendlyName": credential.SortName,
}

// readListQuery reads the parameters of a list. Of those that are not known here, one
// that looks like a filter is refused: to leave it out would show more than was asked for.
func readListQuery(values url.Values, filters []string) (credential.CredentialQuery, error) {
	var q credential.CredentialQuery
	for name := range values {
		value := values.Get(name)
		var err error
		switch {
		case name == "continuationToken":
			q.After = value
		case name == "limit":
			q.Limit, err = number(value, 1)
		case !slices.Contains(filters, name):
			return q, errQuery.At(name).Saying("There is no parameter of that name here.")
		default:
			err = filter(&q, name, value)
		}
		if err != nil {
			return q, errQuery.At(name).Saying("%s does not have its form.", name).Because(err)
		}
	}
	return q, nil
}

func filter(q *credential.CredentialQuery, name, value string) error {
	base, how, _ := strings.Cut(name, "_")
	switch base {
	case "userFriendlyName":
		return match(&q.Name, how, value)
	case "extId":
		return match(&q.ExternalOrID, how, value)
	case "hashedCredentialId":
		hash, err := strictjson.DecodeBase64URL(value)
		q.Hash = hash
		return err
	case "stateName":
		s, ok := states[value]
		if !ok {
			return errQuery
		}
		q.State, q.Standing = s.state, &s.standing
	case "sortBy":
		return sortBy(q, value)
	case "offset":
		var err error
		q.Offset, err = number(value, 0)
		return err
	case "returnTotalResultCount":
		_, err := strconv.ParseBool(value)
		return err
	}
	return nil
}

// match sets a filter on text: exact, by its beginning, or without regard to case.
func match(m *credential.Match, how, value string) error {
	switch {
	case value == "", how != "SW" && m.Equals != "": // exact and IEQ exclude each other
		return errQuery
	case how == "SW":
		m.Prefix = value
	default:
		m.Equals, m.Fold = value, how == "IEQ"
	}
	return nil
}

func sortBy(q *credential.CredentialQuery, value string) error {
	name, direction, ok := strings.Cut(value, "_")
	order, known := sorts[name]
	if !known || ok && direction != "ASC" && direction != "DESC" {
		return errQuery
	}
	q.Sort, q.Descending = order, direction == "DESC"
	return nil
}

// number reads a whole number of at least least.
func number(text string, least int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > 1<<30 {
		return 0, errQuery
	}
	return n, nil
}
