package storetest

// credentialTests are the promises of credential.Store.
var credentialTests = []test{
	{"users", testUsers},
	{"importing users", testImportUsers},
	{"changing a user", testChangeUser},
	{"listing users", testListUsers},
	{"erasing a user", testEraseUser},
	{"opening a ceremony", testOpenCeremony},
	{"caps on open ceremonies", testCaps},
	{"finding a ceremony by its answer", testCeremonyByAnswer},
	{"completing a registration", testCompleteRegistration},
	{"registrations that are refused", testRegistrationRefused},
	{"completing an authentication", testCompleteAuthentication},
	{"authentications that are refused", testAuthenticationRefused},
	{"failing a ceremony", testFailCeremony},
	{"one outcome of many", testOneOutcome},
	{"importing into what is no test data", testImportElsewhere},
	{"what judgements rest on", testBasis},
	{"what judgements rest on, in a transaction", testBasisInTransaction},
	{"what judgements rest on, stored by many", testConcurrentBasis},
	{"finding credentials", testFindCredentials},
	{"changing a credential", testChangeCredential},
	{"deleting a credential", testDeleteCredential},
	{"inviting", testInvite},
	{"starting an enrolment", testStartEnrolment},
	{"a newer invitation", testNewerInvitation},
	{"sessions", testSessions},
	{"roles", testRoles},
	{"roles and sessions", testRoleSessions},
	{"the last administrator", testLastAdministrator},
	{"administrators at once", testAdministratorsAtOnce},
	{"the use of a session", testSessionUsed},
	{"counting", testCounts},
	{"purging", testPurge},
	{"recording", testRecord},
	{"after the commit", testAfterCommit},
	{"the key of decoys", testDecoyKey},
}

// site is the relying party here.
const site = "login.example.com"
