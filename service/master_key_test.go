package service

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store/storetest"
)

// The order in which two master keys are given says nothing: the database knows which
// is its own, and which it had before.
func TestTheNewMasterKeyIsTheOneThatIsNotTheDatabases(t *testing.T) {
	of := func(fills ...byte) *secret.Keyring {
		masters := make([][]byte, len(fills))
		for n, fill := range fills {
			masters[n] = bytes.Repeat([]byte{fill}, secret.MasterBytes)
		}
		k, err := secret.New(masters...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	s := storetest.Open(t, storetest.SQLite(t)) // with the key of ones
	if err := s.CheckMasterKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	chosen := func(name string, k *secret.Keyring, wanted string, want byte) {
		t.Helper()
		if _, next, err := NextMasterKey(t.Context(), s, k, wanted); err != nil || next != of(want).ID() {
			t.Errorf("%s: the rotation is to %s, %v; want %s", name, next, err, of(want).ID())
		}
	}
	chosen("the old one first", of(1, 2), "", 2)
	chosen("the new one first", of(2, 1), "", 2)
	for text, k := range map[string]*secret.Keyring{"are the same": of(1, 1), "1 master keys are given": of(1), "3 master keys are given": of(1, 2, 3)} {
		if _, _, err := NextMasterKey(t.Context(), s, k, ""); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, err := NextMasterKey(t.Context(), s, of(2, 3), ""); !errors.Is(err, secret.ErrOtherKey) || !strings.Contains(err.Error(), of(1).ID()) {
		t.Errorf("neither is the database's: %v", err)
	}

	s.UseKeyring(of(2, 1))
	if err := s.BeginMasterKey(t.Context(), of(2).ID()); err != nil {
		t.Fatal(err)
	}
	chosen("a rotation that was begun goes on", of(2, 1), "", 2)
	if _, err := s.RotateMasterKey(t.Context(), of(2).ID(), 0, nil); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*secret.Keyring{of(1, 2), of(2, 1)} {
		chosen("one that is over, run again, does not go back", k, "", 2)
		chosen("it goes back to a key that is named", k, of(1).ID(), 1)
	}
	chosen("a third key", of(3, 2), "", 3)
}
