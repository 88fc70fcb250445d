package storetest

// relayTests are the promises of relay.Store.
var relayTests = []test{}
