package store_test

import (
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestASchemaIsMigratedOnceAndAgainChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		current, known, err := s.Schema(t.Context())
		if err != nil || current != known || known < 1 {
			t.Errorf("schema %d of %d, %v", current, known, err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
