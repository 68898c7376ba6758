<?php

$people = [];
foreach (['alice', 'bob'] as $name) {
    $people["$name:a password"] = [
        'uid' => [$name],
        'mail' => ["$name@example.com"],
        'displayName' => ['By SimpleSAMLphp'],
    ];
}

$config = ['people' => ['exampleauth:UserPass'] + $people];
