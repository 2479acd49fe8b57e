package desk

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Document is the description of the API, for the tests that ask over the network.
var Document = document

// The routes of the API and the document are the same, and what it refers to is there.
func TestTheDocumentHasEveryRoute(t *testing.T) {
	raw, err := json.Marshal(document())
	require.NoError(t, err)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary, OperationID string
			Security             []map[string][]string
			Parameters           []struct{ Name, In, Description string }
			Responses            map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal(raw, &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	described := map[string]bool{}
	ids := map[string]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			route := strings.ToUpper(method) + " " + path
			described[route] = true
			require.NotEmpty(t, op.Summary, route)
			require.Empty(t, ids[op.OperationID], "%s and %s have one name", route, ids[op.OperationID])
			ids[op.OperationID] = route
			if permissions[route] != "open" {
				require.Equal(t, []string{string(permissions[route])}, op.Security[0]["token"], route)
			}
			require.Contains(t, op.Responses, "default", route)
			for _, p := range op.Parameters {
				require.True(t, p.In != "query" || p.Description != "", "%s: %s says nothing", route, p.Name)
			}
		}
	}
	for route := range permissions {
		if strings.Contains(route, " /api/v1/") {
			require.Contains(t, described, route, "openapi_routes.go has no line for this route")
			delete(described, route)
		}
	}
	require.Empty(t, slices.Collect(maps.Keys(described)), "openapi_routes.go describes what is not there")
	for _, part := range strings.Split(string(raw), `"$ref":"#/components/`)[1:] {
		name := part[:strings.IndexByte(part, '"')]
		if schema, ok := strings.CutPrefix(name, "schemas/"); ok {
			require.NotNil(t, doc.Components.Schemas[schema], name)
			continue
		}
		require.Equal(t, "responses/Problem", name)
	}
}

// notForPrograms are the forms of the pages that have no route of the API, and why.
var notForPrograms = map[string]string{
	"POST /login":            "a person logs in; a program has a token",
	"POST /logout":           "likewise",
	"POST /account/totp":     "one's own second factor",
	"POST /account/sessions": "one's own sessions",
	"POST /account/password": "one's own password",

	"POST /drafts":                "a person's form, half typed; a program keeps its own",
	"POST /drafts/{request}/drop": "likewise",
}

// twinOf is the API's route for a form, where it is not the same address.
var twinOf = map[string]string{
	"POST /residents/new":         "POST /api/v1/residents",
	"POST /residents/{id}/edit":   "PATCH /api/v1/residents/{id}",
	"POST /decisions/{id}/revoke": "DELETE /api/v1/decisions/{id}",
	"POST /reviews/{x}/{y}":       "POST /api/v1/decisions",
	"POST /residents/{id}/retry":  "POST /api/v1/residents/{id}/targets/{target}/retry",
	"POST /residents/{id}/fields": "POST /api/v1/targets/{platform}/{key}/fields/{attribute}",
}

// Everything that the pages do, a program can do as well.
func TestEveryFormHasItsRouteOfTheAPI(t *testing.T) {
	for route := range permissions {
		address, form := strings.CutPrefix(route, "POST ")
		if !form || strings.HasPrefix(address, "/api/") || notForPrograms[route] != "" {
			continue
		}
		twin := twinOf[route]
		if twin == "" {
			twin = "POST /api/v1" + address
		}
		require.Contains(t, permissions, twin, "a program cannot do what the form %s does", route)
		require.Equal(t, permissions[route], permissions[twin], "%s and %s ask for different things", route, twin)
	}
}
