package storetest

// credentialTests are the promises of credential.Store.
var credentialTests = []test{}
