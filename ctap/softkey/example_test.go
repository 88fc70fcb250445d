package softkey_test

import (
	"fmt"
	"log"
	"time"

	"bestow.dev/ctap/softkey"
)

// A key whose state is kept by the caller, here in a variable.
func ExampleOpen() {
	passphrase := []byte("correct horse battery staple")
	var kept []byte
	config := softkey.Config{
		Passphrase:   passphrase,
		Cost:         softkey.Cost{Passes: 1, MemoryKiB: 1024, Lanes: 1}, // for an example; leave it at zero
		Save:         func(sealed []byte) error { kept = sealed; return nil },
		UserPresence: softkey.AlwaysPresent,
		Now:          time.Now,
	}
	key, err := softkey.New(config)
	if err != nil {
		log.Fatal(err)
	}
	root := key.AttestationRoot()
	if err := key.Close(); err != nil {
		log.Fatal(err)
	}

	again, err := softkey.Open(kept, passphrase, config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.AttestationRoot().Equal(root))
	_, err = softkey.Open(kept, []byte("another"), config)
	fmt.Println(err)
	// Output:
	// true
	// softkey: wrong passphrase
}
