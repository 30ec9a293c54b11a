"""The switches of the chart, each turned in a case of its own."""

from typing import Final

from tests.support.helm import Values

PLAIN: Final = "plain"
CASES: Final[dict[str, Values]] = {
    PLAIN: {},
    "volume": {"volume.enabled": True, "volume.storageClass": "fast", "volume.size": "20Gi"},
    "keda": {"keda.enabled": True, "keda.authentication": "kafka", "keda.metadata.tls": "enable"},
    "keda and volume": {"keda.enabled": True, "volume.enabled": True},
    "pod monitor": {
        "monitor.kind": "pod",
        "monitor.labels": {"release": "prometheus"},
        "networkPolicy.from": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
    },
    "service monitor": {"monitor.kind": "service", "networkPolicy.from": "anywhere"},
    "guarded port": {
        "settings.server.username": "ops",
        "secrets.serverPassword.name": "server-login",
        "settings.server.certificate_file": "/etc/processor/server-tls/tls.crt",
        "settings.server.key_file": "/etc/processor/server-tls/tls.key",
        "files": [{"name": "server-tls", "secret": "server-tls"}],
        "monitor.kind": "pod",
        "monitor.tlsConfig": {
            "serverName": "processor",
            "ca": {"secret": {"name": "server-tls", "key": "ca.crt"}},
        },
        "monitor.basicAuth": {
            "username": {"name": "server-login", "key": "username"},
            "password": {"name": "server-login", "key": "password"},
        },
        "networkPolicy.from": "anywhere",
    },
    "toolbox": {
        "toolbox.enabled": True,
        "toolbox.kafkaProperties.name": "operator-client",
        "secrets.kafkaProperties.name": "kafka-client",
        "secrets.registryPassword.name": "registry-client",
        "settings.schema_registry.username": "processor",
        "settings.schema_registry.ca_file": "/etc/processor/ca/ca.crt",
        "files": [{"name": "ca", "configMap": "company-ca"}],
        "podLabels": {"team": "orders"},
    },
    "rules and dashboard": {
        "rules.enabled": True,
        "rules.labels": {"release": "prometheus"},
        "dashboard.enabled": True,
        "dashboard.annotations": {"grafana_folder": "Orders"},
        "runbook": "https://wiki.example/rokt",
    },
    "nothing optional": {
        "test.enabled": False,
        "networkPolicy.enabled": False,
        "podDisruptionBudget.enabled": False,
        "serviceAccount.create": False,
        "topologySpread": None,
    },
    "secured": {
        "secrets.kafkaProperties.name": "kafka-client",
        "secrets.registryPassword.name": "registry-client",
        "secrets.tracingHeaders.name": "tracing-client",
        "settings.tracing.endpoint": "https://collector",
        "settings.schema_registry.username": "processor",
        "settings.schema_registry.ca_file": "/etc/processor/ca/ca.crt",
        "files": [{"name": "ca", "configMap": "company-ca"}, {"name": "tls", "secret": "our-tls"}],
    },
    "narrow network": {
        "networkPolicy.from": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "networkPolicy.to.kafka": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        "networkPolicy.kafkaPorts": [9095],
        "networkPolicy.egress": [{"ports": [{"port": 5000}]}],
    },
    "placed": {
        "nodeSelector": {"disktype": "ssd"},
        "tolerations": [{"key": "orders", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "orders",
        "podAnnotations": {"note": "x"},
        "podLabels": {"team": "orders"},
        "serviceAccount.annotations": {"note": "x"},
        "image.pullSecrets": ["registry"],
        "image.digest": f"sha256:{'0' * 64}",
    },
}
