"""Networks of images in their published forms; `torch` is cnn or PyTorch.

The names and shapes in their state dicts are those of torchvision.
"""

from __future__ import annotations


def initialized(torch, net):
    """The usual start of an image network: normal weights, scaled by the size of the output."""
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def resnet(torch, kind, counts, classes=1000):
    """kind: "basic", two 3x3 convolutions, or "bottleneck", 1x1, 3x3 and four times wider 1x1."""
    nn = torch.nn

    def conv(inputs, outputs, size, stride=1):
        return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)

    class BasicBlock(nn.Module):
        expansion = 1

        def __init__(self, inputs, planes, stride, downsample):
            super().__init__()
            self.conv1, self.bn1 = conv(inputs, planes, 3, stride), nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.conv2, self.bn2 = conv(planes, planes, 3), nn.BatchNorm2d(planes)
            self.downsample = downsample

        def forward(self, x):
            identity = x if self.downsample is None else self.downsample(x)
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            y += identity
            return self.relu(y)

    class Bottleneck(nn.Module):
        expansion = 4

        def __init__(self, inputs, planes, stride, downsample):
            super().__init__()
            outputs = 4 * planes
            self.conv1, self.bn1 = conv(inputs, planes, 1), nn.BatchNorm2d(planes)
            self.conv2, self.bn2 = conv(planes, planes, 3, stride), nn.BatchNorm2d(planes)
            self.conv3, self.bn3 = conv(planes, outputs, 1), nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = downsample

        def forward(self, x):
            identity = x if self.downsample is None else self.downsample(x)
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            y += identity
            return self.relu(y)

    block = {"basic": BasicBlock, "bottleneck": Bottleneck}[kind]

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.inputs = 64
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
            self.layer1 = self.layer(64, counts[0], 1)
            self.layer2 = self.layer(128, counts[1], 2)
            self.layer3 = self.layer(256, counts[2], 2)
            self.layer4 = self.layer(512, counts[3], 2)
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(512 * block.expansion, classes)

        def layer(self, planes, count, stride):
            outputs, downsample = planes * block.expansion, None
            if stride != 1 or self.inputs != outputs:
                downsample = nn.Sequential(
                    conv(self.inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
                )
            blocks = [block(self.inputs, planes, stride, downsample)]
            self.inputs = outputs
            blocks += [block(outputs, planes, 1, None) for _ in range(1, count)]
            return nn.Sequential(*blocks)

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(torch.flatten(self.avgpool(x), 1))

    return initialized(torch, ResNet())


def resnet18(torch):
    return resnet(torch, "basic", (2, 2, 2, 2))


def resnet50(torch):
    return resnet(torch, "bottleneck", (3, 4, 6, 3))


# Of MobileNetV2: how many times wider the inside of a block is, channels, blocks, stride.
INVERTED = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip


def mobilenet_v2(torch, classes=1000):
    nn = torch.nn

    def conv_norm_act(inputs, outputs, size=3, stride=1, groups=1):
        conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))

    class InvertedResidual(nn.Module):
        def __init__(self, inputs, outputs, stride, wider):
            super().__init__()
            inside = inputs * wider
            self.adds = stride == 1 and inputs == outputs
            layers = [conv_norm_act(inputs, inside, 1)] if wider != 1 else []
            layers += [conv_norm_act(inside, inside, 3, stride, groups=inside)]
            layers += [nn.Conv2d(inside, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
            self.conv = nn.Sequential(*layers)

        def forward(self, x):
            return x + self.conv(x) if self.adds else self.conv(x)

    class MobileNetV2(nn.Module):
        def __init__(self):
            super().__init__()
            layers, inputs = [conv_norm_act(3, 32, 3, 2)], 32
            for wider, outputs, count, stride in INVERTED:
                for number in range(count):
                    first = stride if number == 0 else 1
                    layers.append(InvertedResidual(inputs, outputs, first, wider))
                    inputs = outputs
            layers.append(conv_norm_act(inputs, 1280, 1))
            self.features = nn.Sequential(*layers)
            self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

        def forward(self, x):
            x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
            return self.classifier(torch.flatten(x, 1))

    return initialized(torch, MobileNetV2())


def plain_net(torch, classes=1000):
    """The features of VGG-11 with batch norm and one linear layer, all in one Sequential."""
    nn = torch.nn
    layers, inputs = [], 3
    for outputs in (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512):
        if outputs == "pool":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            conv = nn.Conv2d(inputs, outputs, 3, padding=1)
            layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
    layers += [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, classes)]
    return initialized(torch, nn.Sequential(*layers))
