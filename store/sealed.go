package store

import (
	"errors"
	"fmt"

	"github.com/refundry/refundry/secret"
)

// errNoKeyring: only commands that read or write sealed values load a master
// key; one of the others came here.
var errNoKeyring = errors.New("the master key was not loaded (hint: give --data or REFUNDRY_MASTER_KEY to this command)")

// sealedColumn is the column that holds sealed values in every table that has
// some. Table, column and row are bound into the seal, so that a value that
// was copied into another row does not open there.
const sealedColumn = "sealed"

// seal seals under the master key that the database says, which is another one's
// soon after a rotation began.
func (s *Store) seal(plain []byte, table, row string) (string, error) {
	if s.keyring == nil {
		return "", errNoKeyring
	}
	id, err := s.sealing.id(s)
	if err != nil {
		return "", err
	}
	sealed, err := s.keyring.SealUnder(id, plain, table, sealedColumn, row)
	if err != nil {
		return "", fmt.Errorf("seal secret under master key %s: %w (hint: a new master key comes into use; this process has to know it, too)", id, err)
	}
	return sealed, nil
}

// unseal opens a sealed text; one that is damaged is KindCorrupt.
func (s *Store) unseal(sealed, table, row string) ([]byte, error) {
	if s.keyring == nil {
		return nil, errNoKeyring
	}
	plain, err := s.keyring.Open(sealed, table, sealedColumn, row)
	if errors.Is(err, secret.ErrBroken) {
		return nil, unreadable(table, row, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open secret of %s %s: %w", table, row, err)
	}
	return plain, nil
}
