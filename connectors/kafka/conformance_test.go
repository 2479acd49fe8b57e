package kafka

import (
	"strings"
	"testing"

	"heji/connectors/conformance"
)

func TestConformance(t *testing.T) {
	swap := func(from, to string) func(string) string {
		return func(y string) string { return strings.Replace(y, from, to, 1) }
	}
	h := conformance.Harness{Env: secrets, Queued: true, Refuses: true, Vanishing: true, Incremental: true, MidCursors: true,
		Bad: []conformance.Bad{
			{Name: "WrongPassword", YAML: swap("${KAFKA_PASSWORD}", "another"), Says: "does not accept the account of connect.sasl"},
			{Name: "NoLogin", YAML: swap("  sasl: {user: heji, password: \"${KAFKA_PASSWORD}\"}\n", ""), Says: "does not answer"},
			{Name: "NoTopic", YAML: swap("topic: "+topicPeople, "topic: zz.persons"), Says: "the topic zz.persons is not there any more"},
			{Name: "NoTopicOfAnswers", YAML: swap("topic: "+topicAnswers, "topic: zz.answers"), Says: "the topic zz.answers is not there any more"},
			{Name: "NoField", YAML: swap("column: sjhm", "column: sjh"), Says: "has sjh"},
			{Name: "NoAnswers", YAML: swap("  acks: {topic: "+topicAnswers, "  acks: {topik: "+topicAnswers), Says: `Did you mean "topic"?`},
			{Name: "Mechanism", YAML: swap("sasl: {", "sasl: {mechanism: gssapi, "), Says: "must be plain, scram-sha-256 or scram-sha-512"},
			{Name: "OwnTopic", YAML: swap("out: {topic: "+topicChanges, "out: {topic: "+topicPeople), Says: "must not be connect.topic"},
			{Name: "KeyOfCompacted", YAML: swap("key: [_key]", "key: [id]"), Says: "key must be [_key]"},
			{Name: "Variable", YAML: swap("${KAFKA_PASSWORD}", "${NOWHERE}"), Says: "NOWHERE is not set"},
		}}
	h.New = func(t *testing.T) (conformance.Platform, string) {
		b := newBureau(t, 3)
		return b, b.yaml()
	}
	conformance.Run(t, h)
}
